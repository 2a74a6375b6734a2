// Package console is the Settings > Webhooks page, as a handler that a host
// mounts behind its own login. Its customers add, edit, test and understand
// their webhooks there, without writing to support.
//
//	page, err := console.New(dispatcher, func(r *http.Request) (string, error) {
//		return sessions.Account(r) // whose webhooks these are
//	}, nil)
//	mux.Handle("/settings/webhooks/", page)
//
// There is nothing else to configure and nothing to build: pages are rendered
// by the server, work without JavaScript, and link to each other relatively,
// so they work below any path, with or without [http.StripPrefix]. That path
// ends in a slash.
//
// # Accounts and roles
//
// [AccountFunc] says which account a request belongs to. Every query is
// limited to that account; what belongs to another one is 404, like what does
// not exist. [Options.Authorize] says what the person may do there, for each
// request.
//
// # Protection
//
// Every change is a POST, and is refused when it comes from another origin
// ([http.CrossOriginProtection]). Pages carry a Content-Security-Policy that
// allows nothing but their own two files, and cannot be framed. Secrets are
// shown while they are typed and once when they are made, and never again.
//
// # JSON
//
// The same paths answer JSON when it is asked for with Accept:
// application/json, for a host with a front end of its own. openapi.json,
// below the same path, describes it.
package console

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strings"

	"github.com/autoreach/webhook"
)

// AccountFunc says which account a request belongs to: an account of the
// signed-in person, found by the host's own session or token. It must not
// believe a parameter or header that a browser can set. An error, or an empty
// account, is answered 403; send people who are not signed in to the login
// before the console sees the request.
//
// Who it is goes into the request's context by [webhook.WithActor]; webhooks
// then say who changed them.
type AccountFunc func(r *http.Request) (account string, err error)

// Action is what a request wants to do.
type Action string

// The actions.
const (
	View        Action = "view"         // see webhooks and the log of their deliveries
	ViewPayload Action = "view_payload" // see and download payloads and what endpoints answered
	Create      Action = "create"       // add a webhook
	Update      Action = "update"       // edit, enable, disable, change secrets
	Delete      Action = "delete"       // delete a webhook
	Test        Action = "test"         // send test payloads of what is saved; of what is typed with Update too, or with Create for a new one
	Resend      Action = "resend"       // resend, recover and dismiss deliveries
)

// Options adjust the console. Nil options, and every zero field, mean the
// default that is written beside the field.
type Options struct {
	// Authorize says whether whoever sent the request may do that, in the
	// account that AccountFunc named; an error refuses, with 403. It is called
	// for the action of the request and, to leave out buttons that would be
	// refused, for the others: it must be quick and change nothing. Default:
	// everybody whom AccountFunc lets in may do everything.
	Authorize func(r *http.Request, a Action) error

	// Hosts are the values of the Host header that are answered, with the port
	// where there is one other than the scheme's; others get 421. Set it where
	// the host trusts the network instead of a session, since there a foreign
	// name that leads to this server would be a way in. Default: every host.
	Hosts []string

	// TrustedOrigins are origins other than the console's own that may send
	// changes, such as https://app.example.com for a dashboard that calls
	// https://api.example.com. Default none.
	TrustedOrigins []string

	// Product stands in the title of every page. Default "Webhooks".
	Product string

	// BackURL and BackText are a link out of the console, at the top of every
	// page: a path such as /settings, or an https URL. Default none.
	BackURL, BackText string

	// Logger gets the errors that a customer sees as "something went wrong".
	// Default silent.
	Logger *slog.Logger
}

// console is the handler.
type console struct {
	d       *webhook.Dispatcher
	account AccountFunc
	o       Options
	hosts   map[string]bool
	origin  *http.CrossOriginProtection
	resends limiter
}

// New returns the page. The dispatcher needs not run in the same process. It
// refuses a missing dispatcher or account function, and options that are
// malformed.
func New(dispatcher *webhook.Dispatcher, account AccountFunc, opts *Options) (http.Handler, error) {
	if dispatcher == nil {
		return nil, errors.New("console: the dispatcher is nil; pass the one that the host emits with")
	}
	if account == nil {
		return nil, errors.New("console: the account function is nil; without it everybody would see everything: say which account a request belongs to")
	}
	c := &console{d: dispatcher, account: account, hosts: map[string]bool{}, origin: http.NewCrossOriginProtection()}
	if opts != nil {
		c.o = *opts
	}
	for _, h := range c.o.Hosts {
		if h == "" || strings.ContainsAny(h, "/ *") {
			return nil, fmt.Errorf("console: Options.Hosts has %q; use names such as app.example.com or localhost:8080", h)
		}
		c.hosts[hostname(h)] = true
	}
	for _, o := range c.o.TrustedOrigins {
		if err := c.origin.AddTrustedOrigin(o); err != nil {
			return nil, fmt.Errorf("console: Options.TrustedOrigins: %w", err)
		}
	}
	if c.o.Product == "" {
		c.o.Product = "Webhooks"
	}
	if c.o.BackURL != "" {
		u, err := url.Parse(c.o.BackURL)
		if err != nil || u.Scheme != "https" && (u.Scheme != "" || u.Host != "" || !strings.HasPrefix(u.Path, "/")) {
			return nil, fmt.Errorf("console: Options.BackURL is %q; use a path such as /settings, or an https URL", c.o.BackURL)
		}
		if c.o.BackText == "" {
			c.o.BackText = "Back"
		}
	}
	if c.o.Logger == nil {
		c.o.Logger = slog.New(slog.DiscardHandler)
	}
	return c, nil
}

// hostname is a Host header in the form that is compared.
func hostname(h string) string {
	h = strings.ToLower(h)
	if host, port, err := net.SplitHostPort(h); err == nil && (port == "80" || port == "443") {
		return host
	}
	return h
}
