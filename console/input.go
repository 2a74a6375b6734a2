package console

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"math"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/autoreach/webhook"
)

// input is what a form or a JSON body holds. In JSON what is absent is kept
// and null removes; a form has all of it.
type input struct {
	Version     int64                             `json:"version"`
	Name        webhook.Field[string]             `json:"name"`
	URL         webhook.Field[string]             `json:"url"`
	Events      webhook.Field[[]string]           `json:"events"`
	Format      webhook.Field[string]             `json:"format"` // "" has it chosen by the URL
	Secret      webhook.Field[string]             `json:"secret"`
	Headers     webhook.Field[map[string]*string] `json:"headers"` // null keeps the value that is stored
	Timeout     webhook.Field[float64]            `json:"timeout_seconds"`
	MaxInFlight webhook.Field[int]                `json:"max_in_flight"`
	PerSecond   webhook.Field[float64]            `json:"per_second"`
	FIFO        webhook.Field[bool]               `json:"in_order"`
	Enabled     webhook.Field[*bool]              `json:"enabled"`

	Generate bool `json:"generate_secret"` // make a secret, and return it this once

	Test    string  `json:"test_event"` // of a test
	Waiting string  `json:"waiting"`    // send or discard what waits, when it is enabled
	Overlap float64 `json:"overlap_hours"`
	Since   string  `json:"since"`
	Until   string  `json:"until"`
	Done    int     `json:"done"`

	made string // a secret that the form was given, for when none is entered
}

// isJSONBody says whether the body is JSON; anything else is a form.
func (v *visit) isJSONBody() bool {
	kind, _, _ := mime.ParseMediaType(v.r.Header.Get("Content-Type"))
	return kind == "application/json"
}

// decode reads a JSON body, which may be empty.
func (v *visit) decode() (input, error) {
	var in input
	body, err := io.ReadAll(v.r.Body)
	if err != nil {
		return in, err
	}
	if len(bytes.TrimSpace(body)) == 0 {
		return in, nil
	}
	dec := json.NewDecoder(bytes.NewReader(body))
	if err := dec.Decode(&in); err != nil {
		return in, refuse(http.StatusBadRequest, "json", "The body is not the JSON that is described in openapi.json: %s", err)
	}
	var fields map[string]json.RawMessage
	_ = json.Unmarshal(body, &fields) // it is an object
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		if _, ok := described()["/"+v.route][name]; !ok {
			return in, refuse(http.StatusBadRequest, "json", "The body is not the JSON that is described in openapi.json: it has %q, which means nothing here.", name)
		}
	}
	if string(fields["version"]) == "null" { // it must not pass for 0, which would be no conflict
		return in, refuse(http.StatusBadRequest, "json", "The body is not the JSON that is described in openapi.json: version is null; send a number, or leave it out.")
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return in, refuse(http.StatusBadRequest, "json", "The body holds more than one JSON value.")
	}
	return in, nil
}

// read reads the small input of a question, from a form or JSON.
func (v *visit) read() (input, error) {
	if v.isJSONBody() {
		return v.decode()
	}
	if err := v.parseForm(); err != nil {
		return input{}, err
	}
	f := v.r.PostForm
	in := input{Waiting: f.Get("waiting"), Since: f.Get("since"), Until: f.Get("until"), Test: f.Get("test_event")}
	in.made = f.Get("made")
	if s := f.Get("secret"); s != "" {
		in.Secret = webhook.Set(s)
	}
	var ok bool
	if in.Overlap, ok = readNumber(f.Get("overlap_hours")); !ok {
		in.Overlap = math.NaN() // for rotate to refuse, together with what else is wrong
	}
	in.Done, _ = strconv.Atoi(f.Get("done"))
	var err error
	in.Version, err = v.seen()
	return in, err
}

// seen is the version of the webhook that the form was made of, or 0 where it
// names none. What is no number must not pass for that: it would be no conflict.
func (v *visit) seen() (int64, error) {
	s := v.r.PostForm.Get("version")
	if s == "" {
		return 0, nil
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n < 0 {
		return 0, badForm()
	}
	return n, nil
}

// badForm refuses a form that says nothing that can be followed.
func badForm() error {
	return refuse(http.StatusBadRequest, "form", "The form could not be read.")
}

func (v *visit) parseForm() error {
	err := v.r.ParseForm()
	kind, _, _ := mime.ParseMediaType(v.r.Header.Get("Content-Type"))
	foreign := strings.HasPrefix(kind, "multipart/") || kind != "application/x-www-form-urlencoded" && v.hasBody()
	if err == nil && foreign { // it must not pass for an empty form
		return refuse(http.StatusUnsupportedMediaType, "content_type", "Send application/x-www-form-urlencoded or application/json.")
	}
	var tooLarge *http.MaxBytesError
	if err != nil && !errors.As(err, &tooLarge) {
		return badForm()
	}
	return err
}

// hasBody says whether there is any of a body that was not read.
func (v *visit) hasBody() bool {
	n, _ := io.ReadFull(v.r.Body, make([]byte, 1))
	return n > 0
}

// number reads a number from the query.
func (v *visit) number(name string) (int64, error) {
	s := v.r.URL.Query().Get(name)
	if s == "" {
		return 0, nil
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n < 1 {
		return 0, refuse(http.StatusBadRequest, name, "There is no such page of the log.")
	}
	return n, nil
}

// pretty indents JSON for reading. What is too long is cut.
func pretty(body []byte, limit int) (string, bool) {
	var b bytes.Buffer
	if err := json.Indent(&b, body, "", "  "); err != nil {
		return cut(body, limit)
	}
	return cut(b.Bytes(), limit)
}
