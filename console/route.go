package console

import (
	"net/http"
	"strconv"
	"strings"
)

// A route is a page: what it wants to do, and how it answers GET and POST.
type route struct {
	action    Action // of GET
	get, post handler
	change    Action // of POST
}

type handler func(*visit) (*answer, error)

// routes are all pages, by the end of their path. {id} is a webhook's, {n} a
// delivery's.
//
// Whatever stands before is where the console is mounted, and need not be
// known: routes below {id} and those at the top share no name, so the end of a
// path says which one is meant.
var routes = map[string]route{
	"":                        {action: View, get: (*visit).list},
	"new":                     {action: Create, get: (*visit).newForm, change: Create, post: (*visit).create},
	"new/preview":             {change: Create, post: (*visit).previewNew},
	"new/test":                {change: Test, post: (*visit).testNew},
	"{id}":                    {action: View, get: (*visit).webhook},
	"{id}/edit":               {action: Update, get: (*visit).editForm, change: Update, post: (*visit).edit},
	"{id}/preview":            {change: Update, post: (*visit).preview},
	"{id}/test":               {change: Test, post: (*visit).test},
	"{id}/enable":             {action: Update, get: (*visit).enableQuestion, change: Update, post: (*visit).enable},
	"{id}/disable":            {change: Update, post: (*visit).disable},
	"{id}/delete":             {action: Delete, get: (*visit).deleteQuestion, change: Delete, post: (*visit).delete},
	"{id}/rotate":             {action: Update, get: (*visit).rotateForm, change: Update, post: (*visit).rotate},
	"{id}/end-rotation":       {change: Update, post: (*visit).endRotation},
	"{id}/signing-key":        {action: Update, get: (*visit).keyForm, change: Update, post: (*visit).makeKey},
	"{id}/remove-signing-key": {change: Update, post: (*visit).removeKey},
	"{id}/recover":            {action: Resend, get: (*visit).recoverForm, change: Resend, post: (*visit).recover},
	"{id}/dismiss":            {action: Resend, get: (*visit).dismissQuestion, change: Resend, post: (*visit).dismiss},
	"{id}/verify":             {action: View, get: (*visit).verify},
	"{id}/{n}":                {action: View, get: (*visit).delivery},
	"{id}/{n}/payload":        {action: ViewPayload, get: (*visit).payload},
	"{id}/{n}/resend":         {change: Resend, post: (*visit).resend},
	"{id}/{n}/dismiss":        {change: Resend, post: (*visit).dismissOne},
	"openapi.json":            {action: View, get: (*visit).openAPI},
	"assets/console.css":      {get: (*visit).asset},
	"assets/console.js":       {get: (*visit).asset},
}

// A place is what a path says.
type place struct {
	route string // a key of routes; "?" for none
	id    string // {id}
	n     int64  // {n}
	root  string // the relative way to the list of webhooks: "./", "../", …
}

// locate finds the route at the end of a path.
func locate(path string) place {
	parts := strings.Split(path, "/")
	for i := len(parts) - 1; i >= 0; i-- {
		if !isID(parts[i]) {
			continue
		}
		p := place{route: "{id}", id: parts[i], root: up(len(parts) - 1 - i)}
		for j, part := range parts[i+1:] {
			if n, err := strconv.ParseInt(part, 10, 64); err == nil && j == 0 && n > 0 && part[0] != '+' && part[0] != '0' {
				p.n, part = n, "{n}"
			} else if strings.HasPrefix(part, "{") {
				part = "?"
			}
			p.route += "/" + part
		}
		if _, ok := routes[p.route]; ok {
			return p
		}
		break
	}
	for n := min(2, len(parts)); n > 0; n-- {
		name := strings.Join(parts[len(parts)-n:], "/")
		if _, ok := routes[name]; ok && !strings.HasPrefix(name, "{") {
			return place{route: name, root: up(n - 1)}
		}
	}
	return place{route: "?", root: "./"}
}

func up(n int) string {
	if n == 0 {
		return "./"
	}
	return strings.Repeat("../", n)
}

// isID says whether a part of a path has the form of a webhook's ID, a UUID.
func isID(s string) bool {
	if len(s) != 36 {
		return false
	}
	for i := range len(s) {
		switch c := s[i]; {
		case i == 8 || i == 13 || i == 18 || i == 23:
			if c != '-' {
				return false
			}
		case '0' <= c && c <= '9', 'a' <= c && c <= 'f':
		default:
			return false
		}
	}
	return true
}

// methods are those that a route answers.
func (r route) methods() []string {
	var out []string
	if r.get != nil {
		out = append(out, http.MethodGet, http.MethodHead)
	}
	if r.post != nil {
		out = append(out, http.MethodPost)
	}
	return out
}
