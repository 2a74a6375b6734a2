package console

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/autoreach/webhook"
)

// maxBody bounds what a form or a JSON body may hold.
const maxBody = 256 << 10

// A visit is one request.
type visit struct {
	*console
	place
	w       http.ResponseWriter
	r       *http.Request
	account string
	nonce   string
	json    bool // the answer is to be JSON
	part    bool // the answer is to be the live part of the page only
}

// ServeHTTP implements [http.Handler].
func (c *console) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	v := &visit{console: c, place: locate(r.URL.Path), w: w, r: r, nonce: rand.Text()}
	v.json = v.route == "openapi.json" || wantsJSON(r)
	v.part = r.Header.Get("X-Console-Part") != ""
	v.protect()
	if r.URL.Path == "" { // StripPrefix took all of it
		v.redirect()
		return
	}
	a, err := v.serve()
	if err != nil {
		a = v.failure(err)
	}
	v.write(a)
}

// protect sets the headers that every answer has.
func (v *visit) protect() {
	h := v.w.Header()
	h.Set("Content-Security-Policy", fmt.Sprintf("default-src 'none'; script-src 'nonce-%s'; style-src 'nonce-%[1]s'; img-src 'self'; "+
		"connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'", v.nonce))
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Cache-Control", "no-store")
	h.Set("Vary", "Accept, X-Console-Part")
}

// refusal is an error with the status and the words that the customer gets.
type refusal struct {
	status int
	code   string
	words  string
	fields []webhook.FieldError
	cause  error
}

func (e *refusal) Error() string { return e.words }
func (e *refusal) Unwrap() error { return e.cause }

func refuse(status int, code, format string, args ...any) *refusal {
	return &refusal{status: status, code: code, words: fmt.Sprintf(format, args...)}
}

// serve judges a request and hands it to its route. The order matters: host and
// origin first, then who it is, and only then what there is.
func (v *visit) serve() (*answer, error) {
	if len(v.hosts) > 0 && !v.hosts[hostname(v.r.Host)] {
		return nil, refuse(http.StatusMisdirectedRequest, "host", "This page is not served under this name.")
	}
	if err := v.origin.Check(v.r); err != nil {
		return nil, refuse(http.StatusForbidden, "cross_origin", "This came from another website, so nothing was changed. Open the page itself and try again.")
	}
	rt, ok := routes[v.route]
	if !ok {
		return nil, refuse(http.StatusNotFound, "not_found", "There is no such page.")
	}
	if strings.HasPrefix(v.route, "assets/") && rt.allows(v.r.Method) {
		return rt.get(v)
	}
	account, err := v.console.account(v.r)
	if err != nil || account == "" {
		v.o.Logger.Info("console: no account", "error", err)
		return nil, refuse(http.StatusForbidden, "no_account", "You are not signed in to an account that has webhooks.")
	}
	v.account = account
	if !rt.allows(v.r.Method) {
		v.w.Header().Set("Allow", strings.Join(rt.methods(), ", "))
		return nil, refuse(http.StatusMethodNotAllowed, "method", "This address does not answer %s.", v.r.Method)
	}
	do, action := rt.get, rt.action
	if v.r.Method == http.MethodPost {
		do, action = rt.post, rt.change
		v.r.Body = http.MaxBytesReader(v.w, v.r.Body, maxBody)
	}
	if !v.may(View) || !v.may(action) {
		return nil, notAllowed()
	}
	if v.r.Method == http.MethodPost && v.isJSONBody() && described()["/"+v.route] == nil {
		if _, err := v.decode(); err != nil { // what takes nothing passes nothing over, either
			return nil, err
		}
	}
	return do(v)
}

func (r route) allows(method string) bool {
	if method == http.MethodPost {
		return r.post != nil
	}
	return r.get != nil && (method == http.MethodGet || method == http.MethodHead)
}

// notAllowed refuses what the person may not do.
func notAllowed() error {
	return refuse(http.StatusForbidden, "not_allowed", "Your role does not allow this. Ask an administrator of your account.")
}

// may says whether the person may do that.
func (v *visit) may(a Action) bool { return v.o.Authorize == nil || v.o.Authorize(v.r, a) == nil }

// failure is the answer to an error.
func (v *visit) failure(err error) *answer {
	var re *refusal
	var invalid *webhook.InvalidError
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &re):
	case errors.As(err, &tooLarge):
		re = refuse(http.StatusRequestEntityTooLarge, "too_large", "That is too much: %d KB is the limit.", maxBody>>10)
	case errors.As(err, &invalid):
		re = refuse(http.StatusUnprocessableEntity, "invalid", "Please check what you entered.")
		re.fields = invalid.Fields
	case errors.Is(err, webhook.ErrNotFound):
		re = refuse(http.StatusNotFound, "not_found", "It is not there. It may have been deleted.")
	case errors.Is(err, webhook.ErrConflict):
		re = refuse(http.StatusConflict, "conflict", "It was changed by somebody else meanwhile. Look at it again.")
	case errors.Is(err, webhook.ErrDisabled):
		re = refuse(http.StatusConflict, "disabled", "This webhook is disabled. Enable it first.")
	case errors.Is(err, webhook.ErrBusy):
		re = refuse(http.StatusTooManyRequests, "busy", "%s", testLimitWords(err))
	default:
		if v.r.Context().Err() == nil {
			v.o.Logger.Error("console: request failed", "path", v.route, "error", err)
		}
		re = refuse(http.StatusInternalServerError, "internal", "Something went wrong on our side. Your webhooks go on working; try again in a moment.")
	}
	return &answer{status: re.status, json: errorView{errorBody{re.code, re.words, fieldViews(re.fields)}},
		page: "error", title: headline(re.status), data: re}
}

// headline is the title of an error page.
func headline(status int) string {
	switch status {
	case http.StatusNotFound:
		return "Not found"
	case http.StatusForbidden, http.StatusMisdirectedRequest:
		return "Not allowed"
	case http.StatusTooManyRequests:
		return "One moment, please"
	case http.StatusInternalServerError:
		return "Something went wrong"
	}
	return "That did not work"
}

// redirect sends the browser to where the slash is missing.
func (v *visit) redirect() {
	path, _, _ := strings.Cut(v.r.RequestURI, "?")
	name := path[strings.LastIndexByte(path, '/')+1:]
	v.w.Header().Set("Location", "./"+name+"/")
	v.w.WriteHeader(http.StatusMovedPermanently)
}

// wantsJSON says whether JSON is preferred to a page.
func wantsJSON(r *http.Request) bool {
	accept := strings.Join(r.Header.Values("Accept"), ",")
	j, h := strings.Index(accept, "application/json"), strings.Index(accept, "text/html")
	return j >= 0 && (h < 0 || j < h)
}

// steps repeats a bounded step until there is nothing left, or some seconds
// have passed. It says how much was done, and whether there may be more.
func steps(ctx context.Context, step func() (int, error)) (done int, more bool, err error) {
	for until := time.Now().Add(stepTime); ; {
		n, err := step()
		done += n
		if err != nil || n == 0 {
			return done, false, err
		}
		if time.Now().After(until) || ctx.Err() != nil {
			return done, true, ctx.Err()
		}
	}
}

const stepTime = 5 * time.Second

// Words and List are for the template.
func (e *refusal) Words() string { return e.words }

// List names what is wrong with fields.
func (e *refusal) List() []string {
	var out []string
	for _, f := range e.fields {
		out = append(out, f.Field+" "+f.Message)
	}
	return out
}
