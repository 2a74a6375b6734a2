package verify

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net/http"
	"sync/atomic"
	"time"
)

// Handler returns a handler that runs fn for every genuine message. When fn
// returns nil it answers 204; when fn returns an error, 500, and the sender will
// try again. The error is logged and not sent. fn gets the context of the
// request, which ends when the sender hangs up. A panic in fn is not caught.
//
// Anything that is not genuine is answered without running fn: 401 for a failed
// verification of whatever kind, 405 for a method other than POST, 413 for a
// body over Options.MaxBody, and 400 for a body that broke off.
//
// Senders deliver at least once. With Options.Once a message that fn has handled
// before is answered 204 without running fn again; without it fn must be able to
// take a message twice. fn must not be nil.
func (v *Verifier) Handler(fn func(ctx context.Context, m Message) error) http.Handler {
	if fn == nil {
		panic("verify: Handler: fn is nil")
	}
	refuse := v.refuser()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		m, body, err := v.request(w, r)
		if err != nil {
			refuse(w, r, body, err)
			return
		}
		if err := v.handle(r.Context(), m, fn); err != nil {
			v.opt.Logger.LogAttrs(r.Context(), slog.LevelError, "webhook handler failed",
				slog.String("id", m.ID), slog.String("event", m.Event), slog.Any("error", err))
			reply(w, http.StatusInternalServerError)
			return
		}
		w.WriteHeader(http.StatusNoContent)
	})
}

func (v *Verifier) handle(ctx context.Context, m Message, fn func(context.Context, Message) error) error {
	if v.opt.Once == nil || m.ID == "" {
		return fn(ctx, m)
	}
	duplicate, err := v.opt.Once.Once(ctx, m.ID, func(ctx context.Context) error { return fn(ctx, m) })
	if err == nil && duplicate {
		v.opt.Logger.LogAttrs(ctx, slog.LevelDebug, "webhook duplicate skipped", slog.String("id", m.ID))
	}
	return err
}

// Middleware returns a handler that runs next for genuine requests only, and
// answers the others like Handler does. next finds the body unchanged in
// r.Body, whatever its format, and the Message with FromContext. Options.Once
// is not applied, because what next answers is its own affair. next must not be
// nil.
func (v *Verifier) Middleware(next http.Handler) http.Handler {
	if next == nil {
		panic("verify: Middleware: next is nil")
	}
	refuse := v.refuser()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		m, body, err := v.request(w, r)
		if err != nil {
			refuse(w, r, body, err)
			return
		}
		r = r.WithContext(context.WithValue(r.Context(), contextKey{}, m))
		r.Body = io.NopCloser(bytes.NewReader(m.Body))
		r.ContentLength = int64(len(m.Body))
		next.ServeHTTP(w, r)
	})
}

// refuser returns the function that logs the reason and answers with the status
// alone.
func (v *Verifier) refuser() func(w http.ResponseWriter, r *http.Request, body []byte, err error) {
	var explained atomic.Int64 // second of the last explanation
	return func(w http.ResponseWriter, r *http.Request, body []byte, err error) {
		status := StatusCode(err)
		said := []slog.Attr{slog.Int("status", status), slog.String("reason", err.Error()), slog.String("remote", r.RemoteAddr)}
		if status == http.StatusUnauthorized && v.opt.Explain {
			if last, now := explained.Load(), time.Now().Unix(); last != now && explained.CompareAndSwap(last, now) {
				said = append(said, slog.String("explanation", v.Explain(r, body)))
			}
		}
		v.opt.Logger.LogAttrs(r.Context(), slog.LevelWarn, "webhook refused", said...)
		if status == http.StatusMethodNotAllowed {
			w.Header().Set("Allow", http.MethodPost)
		}
		reply(w, status)
	}
}

func reply(w http.ResponseWriter, status int) {
	http.Error(w, http.StatusText(status), status)
}
