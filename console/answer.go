package console

import (
	"bytes"
	"embed"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"html/template"
	"net/http"
	"strconv"

	"github.com/autoreach/webhook"
)

// An answer is what a page has to say, in all its forms. JSON and page are
// made of the same data.
type answer struct {
	status int    // default 200
	json   any    // for those who ask for JSON
	page   string // the template, when a page is asked for …
	title  string
	data   any
	to     string // … or where the browser goes instead, relative to the list of webhooks
	raw    *download
}

// A download is neither.
type download struct {
	contentType string
	name        string // as an attachment; empty to show it
	cache       string
	body        []byte
}

// A screen is what every template gets.
type screen struct {
	*visit
	Title string
	Note  string // what was just done
	Data  any
}

//go:embed pages/*.html
var pageFiles embed.FS

//go:embed assets
var assetFiles embed.FS

// version is part of the assets' URLs: they are kept by browsers.
var version = assetVersion()

func assetVersion() string {
	h := fnv.New64a()
	for _, name := range []string{"assets/console.css", "assets/console.js"} {
		b, err := assetFiles.ReadFile(name)
		if err != nil {
			panic(err) // embedded
		}
		h.Write(b)
	}
	return strconv.FormatUint(h.Sum64(), 36)
}

// pages are the templates by name: each the frame with its own main part.
var pages = parsePages()

func parsePages() map[string]*template.Template {
	frame := template.Must(template.New("frame").Funcs(words).ParseFS(pageFiles, "pages/_*.html"))
	out := map[string]*template.Template{}
	files, err := pageFiles.ReadDir("pages")
	if err != nil {
		panic(err) // embedded
	}
	for _, f := range files {
		if f.Name()[0] == '_' {
			continue
		}
		t := template.Must(template.Must(frame.Clone()).ParseFS(pageFiles, "pages/"+f.Name()))
		out[f.Name()[:len(f.Name())-len(".html")]] = t
	}
	return out
}

// Root, Nonce and so on are for templates.
func (v *visit) Root() string       { return v.root }
func (v *visit) Nonce() string      { return v.nonce }
func (v *visit) Version() string    { return version }
func (v *visit) Product() string    { return v.o.Product }
func (v *visit) BackURL() string    { return v.o.BackURL }
func (v *visit) BackText() string   { return v.o.BackText }
func (v *visit) May(a string) bool  { return v.may(Action(a)) }
func (v *visit) MinSecret() int     { return webhook.MinSecretLength }
func (v *visit) Fragment() bool     { return v.part }
func (v *visit) Kinds() []eventView { return v.eventTypes() }

// Formats are those of the form, and Automatic says what none of them means.
func (v *visit) Formats() []formatView { return v.formats() }

// Automatic is described at Formats.
func (v *visit) Automatic() string { return v.automatic() }

// FormatTitle is the customers' name of a format.
func (v *visit) FormatTitle(name string) string { return v.formatTitle(name) }

func (v *visit) write(a *answer) {
	if a.status == 0 {
		a.status = http.StatusOK
	}
	switch {
	case a.raw != nil:
		v.writeRaw(a)
	case v.json:
		v.writeJSON(a)
	case a.to != "":
		v.w.Header().Set("Location", v.root+a.to) // relative: wherever the console is mounted
		v.w.WriteHeader(http.StatusSeeOther)
	default:
		v.writePage(a)
	}
}

func (v *visit) writeRaw(a *answer) {
	h := v.w.Header()
	h.Set("Content-Type", a.raw.contentType)
	if a.raw.name != "" {
		h.Set("Content-Disposition", fmt.Sprintf("attachment; filename=%q", a.raw.name))
	}
	if a.raw.cache != "" {
		h.Set("Cache-Control", a.raw.cache)
	}
	v.send(a.status, a.raw.body)
}

func (v *visit) writeJSON(a *answer) {
	body, err := json.Marshal(a.json)
	if err != nil {
		v.o.Logger.Error("console: JSON", "path", v.route, "error", err)
		a.status, body = http.StatusInternalServerError, []byte(`{"error":{"code":"internal","message":"Something went wrong on our side.","fields":[]}}`)
	}
	v.w.Header().Set("Content-Type", "application/json")
	v.send(a.status, append(body, '\n'))
}

func (v *visit) writePage(a *answer) {
	name := "frame"
	if v.part {
		name = "live"
	}
	var b bytes.Buffer
	s := &screen{visit: v, Title: a.title, Note: notes[v.r.URL.Query().Get("done")], Data: a.data}
	if err := pages[a.page].ExecuteTemplate(&b, name, s); err != nil {
		v.o.Logger.Error("console: page", "page", a.page, "error", err)
		http.Error(v.w, "Something went wrong on our side. Try again in a moment.", http.StatusInternalServerError)
		return
	}
	v.w.Header().Set("Content-Type", "text/html; charset=utf-8")
	v.send(a.status, b.Bytes())
}

func (v *visit) send(status int, body []byte) {
	v.w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	v.w.WriteHeader(status)
	if v.r.Method != http.MethodHead {
		_, _ = v.w.Write(body)
	}
}

// asset serves one of the console's own files.
func (v *visit) asset() (*answer, error) {
	body, err := assetFiles.ReadFile(v.route)
	if err != nil {
		return nil, err
	}
	kind := "text/css; charset=utf-8"
	if v.route == "assets/console.js" {
		kind = "text/javascript; charset=utf-8"
	}
	return &answer{raw: &download{contentType: kind, cache: "private, max-age=86400", body: body}}, nil
}
