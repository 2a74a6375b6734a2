package main

import (
	"crypto/rand"
	"errors"
	"html/template"
	"net/http"
	"sync"

	"github.com/autoreach/webhook"
	"github.com/autoreach/webhook/console"
)

// The login is none: it asks for no password. A product has its own. What
// matters is account, which finds the account by the session, and not by
// anything that a browser could set.

type person struct {
	Name, Account, Title string
	Admin                bool
}

var people = []person{
	{"Ada", "acme", "administrator at Acme", true},
	{"Bob", "acme", "may only look, at Acme", false},
	{"Carol", "globex", "administrator at Globex", true},
}

var sessions sync.Map // of cookie to person

func who(r *http.Request) (person, error) {
	c, err := r.Cookie("session")
	if err != nil {
		return person{}, err
	}
	p, ok := sessions.Load(c.Value)
	if !ok {
		return person{}, errors.New("the session has ended")
	}
	return p.(person), nil
}

func account(r *http.Request) (string, error) {
	p, err := who(r)
	return p.Account, err
}

// authorize is where roles are looked up.
func authorize(r *http.Request, a console.Action) error {
	if p, err := who(r); err != nil || !p.Admin && a != console.View && a != console.ViewPayload {
		return errors.New("an administrator may do this")
	}
	return nil
}

// signedIn sends people to the login, and says who makes changes.
func signedIn(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p, err := who(r)
		if err != nil {
			http.Redirect(w, r, "/", http.StatusSeeOther)
			return
		}
		next.ServeHTTP(w, r.WithContext(webhook.WithActor(r.Context(), p.Name)))
	})
}

func login(w http.ResponseWriter, r *http.Request) {
	for _, p := range people {
		if p.Name == r.FormValue("name") {
			id := rand.Text()
			sessions.Store(id, p)
			http.SetCookie(w, &http.Cookie{Name: "session", Value: id, Path: "/", HttpOnly: true, SameSite: http.SameSiteLaxMode})
			http.Redirect(w, r, "/settings/webhooks/", http.StatusSeeOther)
			return
		}
	}
	http.Error(w, "nobody has this name", http.StatusForbidden)
}

var startPage = template.Must(template.New("").Parse(`<!doctype html><html lang="en"><meta name="viewport" content="width=device-width">
<meta name="color-scheme" content="light dark"><title>Settings</title>
<style>body{font:16px/1.5 system-ui;max-width:32rem;margin:12vh auto;padding:0 1rem}button{font:inherit;display:block;width:100%;text-align:left;padding:.7rem 1rem;margin:.5rem 0;cursor:pointer}</style>
<h1>Settings</h1><p>Who are you?</p>
<form method="post" action="/login">{{range .}}<button name="name" value="{{.Name}}"><b>{{.Name}}</b>, {{.Title}}</button>{{end}}</form>`))

func start(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_ = startPage.Execute(w, people)
}
