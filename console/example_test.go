package console_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/autoreach/webhook"
	"github.com/autoreach/webhook/console"
)

// A host mounts the page behind its own login.
func Example() {
	d, err := webhook.New(webhook.NewMemoryStore(nil), nil)
	if err != nil {
		panic(err)
	}
	sessions := map[string]string{"s3ss10n": "acct_1"} // the host's
	page, err := console.New(d, func(r *http.Request) (string, error) {
		c, err := r.Cookie("session")
		if err != nil {
			return "", err
		}
		return sessions[c.Value], nil
	}, nil)
	if err != nil {
		panic(err)
	}
	mux := http.NewServeMux()
	mux.Handle("/settings/webhooks/", page)

	for _, session := range []string{"s3ss10n", "guessed"} {
		r := httptest.NewRequest("GET", "/settings/webhooks/", nil)
		r.AddCookie(&http.Cookie{Name: "session", Value: session})
		w := httptest.NewRecorder()
		mux.ServeHTTP(w, r)
		fmt.Println(w.Code, strings.Contains(w.Body.String(), "No webhooks yet"))
	}
	// Output:
	// 200 true
	// 403 false
}

// Some people may only look.
func ExampleOptions_roles() {
	d, err := webhook.New(webhook.NewMemoryStore(nil), nil)
	if err != nil {
		panic(err)
	}
	account := func(*http.Request) (string, error) { return "acct_1", nil }
	page, err := console.New(d, account, &console.Options{
		Authorize: func(r *http.Request, a console.Action) error {
			if a == console.View || r.Header.Get("X-Role") == "admin" { // the host asks its session
				return nil
			}
			return errors.New("administrators only")
		},
	})
	if err != nil {
		panic(err)
	}
	w := httptest.NewRecorder()
	page.ServeHTTP(w, httptest.NewRequest("GET", "/new", nil))
	fmt.Println(w.Code)
	// Output: 403
}
