package verify_test

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/autoreach/webhook/verify"
	"github.com/autoreach/webhook/verify/verifytest"
)

const benchSecret = "0123456789abcdef0123456789abcdef"

func signed(tb testing.TB, secret string, body []byte, opts *verifytest.Options) http.Header {
	tb.Helper()
	r, err := http.NewRequest(http.MethodPost, "http://receiver.example/", nil)
	if err != nil {
		tb.Fatal(err)
	}
	verifytest.Sign(r, secret, body, opts)
	return r.Header
}

// BenchmarkBareHMAC is the floor: one kept HMAC and one comparison.
func BenchmarkBareHMAC(b *testing.B) {
	forSizes(b, func(b *testing.B, body []byte) {
		mac := hmac.New(sha256.New, []byte(benchSecret))
		mac.Write(body)
		want := mac.Sum(nil)
		var sum [sha256.Size]byte
		for b.Loop() {
			mac.Reset()
			mac.Write(body)
			if !hmac.Equal(mac.Sum(sum[:0]), want) {
				b.Fatal("mismatch")
			}
		}
	})
}

func BenchmarkVerify(b *testing.B) {
	forSizes(b, func(b *testing.B, body []byte) {
		v := mustNew(b, benchSecret, nil)
		mac := hmac.New(sha256.New, []byte(benchSecret))
		mac.Write(body)
		value := "sha256=" + hex.EncodeToString(mac.Sum(nil))
		for b.Loop() {
			if err := v.Verify(body, value); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkVerifyHeadersStandard(b *testing.B) {
	forSizes(b, func(b *testing.B, body []byte) {
		now := time.Now()
		v := mustNew(b, benchSecret, &verify.Options{Now: func() time.Time { return now }})
		h := signed(b, benchSecret, body, &verifytest.Options{Time: now})
		for b.Loop() {
			if err := v.VerifyHeaders(body, h); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkVerifyParallel(b *testing.B) {
	body := bytes.Repeat([]byte("a"), 1024)
	v := mustNew(b, benchSecret, nil)
	value := signed(b, benchSecret, body, nil).Get("X-Webhook-Signature")
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if err := v.Verify(body, value); err != nil {
				b.Error(err)
			}
		}
	})
}

func forSizes(b *testing.B, fn func(b *testing.B, body []byte)) {
	for _, size := range []int{1 << 10, 64 << 10} {
		b.Run(fmt.Sprintf("%dKiB", size>>10), func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(size))
			fn(b, bytes.Repeat([]byte("a"), size))
		})
	}
}
