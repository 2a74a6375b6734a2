package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"
)

// An api is a JSON API that wants a token.
type api struct {
	url    string      // without a slash at the end
	header http.Header // the authorisation
	client *http.Client
}

// refused is an answer other than 2xx.
type refused struct {
	status int
	text   string // what the API says is wrong
}

func (e *refused) Error() string { return fmt.Sprintf("the CRM answered %d: %s", e.status, e.text) }

// refusedWith says whether err is an answer with this status.
func refusedWith(err error, status int) bool {
	var r *refused
	return errors.As(err, &r) && r.status == status
}

const (
	tries    = 3               // of a call that is over the limit of requests
	longWait = 5 * time.Second // after which AutoReach had better send again
)

// call sends in, unless it is nil, as JSON, and decodes what comes back into out. When the API says
// that there were too many requests and how long to wait, it waits.
func (a *api) call(ctx context.Context, method, path string, in, out any) error {
	var body []byte
	if in != nil {
		var err error
		if body, err = json.Marshal(in); err != nil {
			return err
		}
	}
	for try := 1; ; try++ {
		wait, err := a.send(ctx, method, path, body, out)
		if wait == 0 || wait > longWait || try == tries {
			return err
		}
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return errors.Join(err, ctx.Err())
		}
	}
}

func (a *api) send(ctx context.Context, method, path string, body []byte, out any) (wait time.Duration, err error) {
	req, err := http.NewRequestWithContext(ctx, method, a.url+path, bytes.NewReader(body))
	if err != nil {
		return 0, err
	}
	req.Header = a.header.Clone()
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	res, err := a.client.Do(req)
	if err != nil {
		return 0, err
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(res.Body, 1<<20))
	if err != nil {
		return 0, err
	}
	if res.StatusCode/100 != 2 {
		if seconds, err := strconv.Atoi(res.Header.Get("Retry-After")); err == nil && res.StatusCode == http.StatusTooManyRequests {
			wait = max(time.Duration(seconds)*time.Second, 100*time.Millisecond)
		}
		return wait, &refused{status: res.StatusCode, text: fmt.Sprintf("%.300s", answer)}
	}
	if out == nil || len(answer) == 0 {
		return 0, nil
	}
	return 0, json.Unmarshal(answer, out)
}
