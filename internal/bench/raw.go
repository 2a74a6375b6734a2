package main

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
	"net/http"
	neturl "net/url"
	"sync"
	"sync/atomic"
)

// rawLoop is the limit that net/http sets: every emit is one signed request,
// and nothing is stored. Its connections are kept, its URLs parsed, its HMACs
// reused. Callers of a load are its concurrency.
type rawLoop struct {
	poster
	done atomic.Int64
}

func newRawLoop(context.Context, string) (system, error) { return &rawLoop{poster: newPoster()}, nil }

func (r *rawLoop) start(context.Context) error { return nil }
func (r *rawLoop) drain(context.Context) error { return nil }
func (r *rawLoop) delivered() int64            { return r.done.Load() }

func (r *rawLoop) emit(ctx context.Context, _ int, es []emission) error {
	for _, e := range es {
		if err := r.post(ctx, e.endpoint, body(e.sent)); err != nil {
			return err
		}
		r.done.Add(1)
	}
	return nil
}

// poster sends one signed request at a time, as fast as net/http can.
type poster struct {
	transport *http.Transport
	urls      []*neturl.URL
	macs      sync.Pool
}

func newPoster() poster {
	return poster{
		transport: &http.Transport{MaxIdleConnsPerHost: 1000, DisableCompression: true},
		macs:      sync.Pool{New: func() any { return hmac.New(sha256.New, []byte(secret)) }},
	}
}

func (p *poster) register(_ context.Context, urls []string) error {
	for _, s := range urls {
		u, err := neturl.Parse(s)
		if err != nil {
			return err
		}
		p.urls = append(p.urls, u)
	}
	return nil
}

func (p *poster) post(ctx context.Context, endpoint int, body []byte) error {
	ctx, cancel := context.WithTimeout(ctx, attemptTimeout)
	defer cancel()
	mac := p.macs.Get().(hash.Hash)
	mac.Reset()
	mac.Write(body)
	sum := mac.Sum(nil)
	p.macs.Put(mac)
	req := &http.Request{
		Method: http.MethodPost, URL: p.urls[endpoint], Host: p.urls[endpoint].Host, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{
			"Content-Type":        {"application/json"},
			"X-Webhook-Signature": {"sha256=" + hex.EncodeToString(sum)},
		},
		Body: io.NopCloser(bytes.NewReader(body)), ContentLength: int64(len(body)),
	}
	res, err := p.transport.RoundTrip(req.WithContext(ctx))
	if err != nil {
		return err
	}
	_, _ = io.Copy(io.Discard, io.LimitReader(res.Body, 64<<10))
	_ = res.Body.Close()
	if res.StatusCode/100 != 2 {
		return fmt.Errorf("answered %d", res.StatusCode)
	}
	return nil
}
