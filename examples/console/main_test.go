package main

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"
)

// The program prints an address; behind it Acme's webhooks come into every
// state, Globex has none, and Bob may only look.
func TestConsole(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	r, w := io.Pipe()
	ended := make(chan error, 1)
	go func() { ended <- run(ctx, w, "localhost:0") }()
	address, err := bufio.NewReader(r).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	address = strings.TrimSpace(address)
	as := func(name string) func(path, accept string) (int, string) {
		jar, _ := cookiejar.New(nil)
		client := &http.Client{Jar: jar}
		res, err := client.PostForm(address+"login", url.Values{"name": {name}})
		if err != nil || res.StatusCode != 200 || res.Request.URL.Path != "/settings/webhooks/" {
			t.Fatalf("login of %s: %v %v", name, res, err)
		}
		res.Body.Close()
		return func(path, accept string) (int, string) {
			req, _ := http.NewRequestWithContext(t.Context(), "GET", address+"settings/webhooks/"+path, nil)
			req.Header.Set("Accept", accept)
			res, err := client.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			defer res.Body.Close()
			b, err := io.ReadAll(res.Body)
			if err != nil {
				t.Fatal(err)
			}
			return res.StatusCode, string(b)
		}
	}
	ada, bob, carol := as("Ada"), as("Bob"), as("Carol")
	var list struct {
		Webhooks []struct {
			Name, Status string
			Undelivered  int
			Rotation     *string `json:"old_secret_until"`
		}
	}
	want := []string{"disabled", "error", "healthy"}
	var seen []string
	undelivered, rotating := 0, false
	for until := time.Now().Add(60 * time.Second); time.Now().Before(until) && (len(seen) < len(want) || undelivered == 0); {
		_, body := ada("", "application/json")
		if err := json.Unmarshal([]byte(body), &list); err != nil {
			t.Fatalf("%v: %s", err, body)
		}
		for _, h := range list.Webhooks {
			if slices.Contains(want, h.Status) && !slices.Contains(seen, h.Status) {
				seen = append(seen, h.Status)
			}
			undelivered += h.Undelivered
			rotating = rotating || h.Rotation != nil
		}
		select {
		case err := <-ended:
			t.Fatal(err)
		case <-time.After(200 * time.Millisecond):
		}
	}
	if len(seen) < len(want) || undelivered == 0 || !rotating {
		t.Errorf("seen were %q, %d undelivered, rotating %v", seen, undelivered, rotating)
	}
	if code, _ := bob("new", "text/html"); code != 403 {
		t.Errorf("Bob got %d", code)
	}
	if _, body := carol("", "text/html"); !strings.Contains(body, "No webhooks yet") {
		t.Error("Globex has webhooks")
	}
	res, err := http.Get(address + "settings/webhooks/")
	if err != nil || res.Request.URL.Path != "/" {
		t.Errorf("without a login: %v %v", res.Request.URL, err)
	}
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
