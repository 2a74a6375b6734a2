package main

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"hash"
	"net/http"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-github/v84/github"
	standard "github.com/standard-webhooks/standard-webhooks/libraries/go"
	"github.com/stripe/stripe-go/v85/webhook"
	svix "github.com/svix/svix-webhooks/go"

	"github.com/autoreach/webhook/verify"
)

var verification = scenario{
	name: "verify", title: "Verifying", short: true, run: runVerify,
	about: `
A body and its signature, verified in memory by kept verifiers, where the
library has such; the shortest of five runs. Bare is crypto/hmac with Reset and hex decoding, and nothing
else.

- verify_1k_vs_bare, verify_64k_vs_bare: time for X-Webhook-Signature, divided
  by that of bare, for bodies of 1 KiB and 64 KiB
- verify_1k_allocs: allocations of one verification
- verify_*n*k_vs_gogithub, verify_*n*k_vs_stripe: divided by the time of
  go-github's ValidateSignature and stripe-go's ValidatePayload, for the same body
- verify_standard_*n*k_vs_svix, verify_standard_*n*k_vs_standardwebhooks: time for
  the headers of Standard Webhooks, divided by that of the two libraries
- verify_*n*k_ns, verify_standard_*n*k_ns: the times themselves`,
}

func runVerify(b *bench) error {
	d := b.seconds(0.3)
	if b.short {
		d = b.seconds(0.1)
	}
	for _, size := range []int{1, 64} {
		in := Verifying{Size: size << 10, For: d}
		var t map[string]Timing
		if err := b.alone("Lab.Verify", in, &t); err != nil {
			return err
		}
		name := fmt.Sprintf("verify_%dk_", size)
		ours := t["ours"].Nanoseconds
		for _, peer := range []string{"bare", "gogithub", "stripe"} {
			b.add(name+"vs_"+peer, ours/t[peer].Nanoseconds, "ratio")
		}
		b.add(name+"allocs", t["ours"].Allocs, "allocations")
		b.add(name+"ns", ours, "ns")
		name = fmt.Sprintf("verify_standard_%dk_", size)
		ours = t["ours_standard"].Nanoseconds
		for _, peer := range []string{"svix", "standardwebhooks"} {
			b.add(name+"vs_"+peer, ours/t[peer].Nanoseconds, "ratio")
		}
		b.add(name+"ns", ours, "ns")
	}
	return nil
}

// Verifying says what is to be verified.
type Verifying struct {
	Size int           // of the body, in bytes
	For  time.Duration // each, five times
}

// Timing is what one verification takes.
type Timing struct{ Nanoseconds, Allocs float64 }

// Verify times all verifiers in turn, five times, and returns the shortest of
// each: what else the machine does only makes them longer.
func (*Lab) Verify(in Verifying, reply *map[string]Timing) error {
	if err := flag.Set("test.benchtime", in.For.String()); err != nil {
		return err
	}
	all, err := verifiers(bytes.Repeat([]byte("x"), in.Size))
	if err != nil {
		return err
	}
	*reply = map[string]Timing{}
	for range 5 {
		for name, f := range all {
			if err := f(); err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
			r := testing.Benchmark(func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					_ = f()
				}
			})
			ns := float64(r.T.Nanoseconds()) / float64(r.N)
			if t, ok := (*reply)[name]; !ok || ns < t.Nanoseconds {
				(*reply)[name] = Timing{ns, float64(r.AllocsPerOp())}
			}
		}
	}
	return nil
}

// verifiers are functions that verify the body, signed as each library wants
// it.
func verifiers(body []byte) (map[string]func() error, error) {
	sign := func(message []byte) string {
		mac := hmac.New(sha256.New, []byte(secret))
		mac.Write(message)
		return hex.EncodeToString(mac.Sum(nil))
	}
	now := time.Now()
	signature := "sha256=" + sign(body)
	stripe := "t=" + strconv.FormatInt(now.Unix(), 10) + ",v1=" + sign(fmt.Appendf(nil, "%d.%s", now.Unix(), body))

	ours, err1 := verify.New(secret, &verify.Options{Scheme: verify.BodyOnly})
	oursStandard, err2 := verify.New(secret, &verify.Options{Scheme: verify.ReplayProtected})
	theirs, err3 := standard.NewWebhook(secret)
	svixs, err4 := svix.NewWebhook(secret)
	if err := errors.Join(err1, err2, err3, err4); err != nil {
		return nil, err
	}
	entry, err := theirs.Sign("msg_1", now, body)
	if err != nil {
		return nil, err
	}
	headers := http.Header{}
	headers.Set("webhook-id", "msg_1")
	headers.Set("webhook-timestamp", strconv.FormatInt(now.Unix(), 10))
	headers.Set("webhook-signature", entry)

	bare, sum, given := hmac.New(sha256.New, []byte(secret)), make([]byte, 0, sha256.Size), make([]byte, sha256.Size)
	return map[string]func() error{
		"bare":             func() error { return verifyBare(bare, body, signature, sum, given) },
		"ours":             func() error { return ours.Verify(body, signature) },
		"gogithub":         func() error { return github.ValidateSignature(signature, body, []byte(secret)) },
		"stripe":           func() error { return webhook.ValidatePayload(body, stripe, secret) },
		"ours_standard":    func() error { return oursStandard.VerifyHeaders(body, headers) },
		"svix":             func() error { return svixs.Verify(body, headers) },
		"standardwebhooks": func() error { return theirs.Verify(body, headers) },
	}, nil
}

// verifyBare is the least that verifying takes.
func verifyBare(mac hash.Hash, body []byte, signature string, sum, given []byte) error {
	mac.Reset()
	mac.Write(body)
	if _, err := hex.Decode(given, []byte(signature[len("sha256="):])); err != nil {
		return err
	}
	if !hmac.Equal(mac.Sum(sum), given) {
		return errors.New("the signature is wrong")
	}
	return nil
}
