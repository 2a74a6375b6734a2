package console_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/autoreach/webhook/console"
)

func document(t *testing.T) schema {
	t.Helper()
	b, err := os.ReadFile("openapi.json")
	require.NoError(t, err)
	var doc map[string]any
	require.NoError(t, json.Unmarshal(b, &doc))
	require.Equal(t, "3.1.0", doc["openapi"])
	return schema{doc}
}

// Every path of the document is walked with its own example, and every answer
// is what it says: the good one, that for another account's IDs, and that for
// a wrong body.
func TestOpenAPI(t *testing.T) {
	s := document(t)
	walked := []string{}
	for path, ops := range s.doc["paths"].(map[string]any) {
		for method, op := range ops.(map[string]any) {
			if method == "parameters" {
				continue
			}
			op := op.(map[string]any)
			method = strings.ToUpper(method)
			walked = append(walked, method+" "+strings.TrimPrefix(path, "/"))
			t.Run(method+path, func(t *testing.T) {
				w, fill := apiWorld(t)
				body := ""
				if request, ok := op["requestBody"].(map[string]any); ok {
					media := request["content"].(map[string]any)["application/json"].(map[string]any)
					require.Empty(t, s.check(media["schema"].(map[string]any), media["example"], "example"))
					body = string(check(json.Marshal(media["example"]))(t))
				}
				target := fill(strings.TrimPrefix(path, "/"))
				s.answers(t, w, op, method, target, body, "2")

				if strings.Contains(path, "{id}") {
					w.account = "globex"
					s.answers(t, w, op, method, target, body, "404")
					w.account = "acme"
				}
				if body != "" {
					s.answers(t, w, op, method, fill(strings.TrimPrefix(path, "/")), `{"nonsense":1}`, "400")
					s.answers(t, w, op, method, fill(strings.TrimPrefix(path, "/")), `{`, "400")
					s.answers(t, w, op, method, fill(strings.TrimPrefix(path, "/")), body+body, "400")
				}
			})
		}
	}
	slices.Sort(walked)
	require.Equal(t, console.Routes(), walked, "the document and the routes")
}

// answers makes a request and holds the answer against the document.
func (s schema) answers(t *testing.T, w *world, op map[string]any, method, path, body, want string) {
	t.Helper()
	rec := w.send(method, path, "application/json", body, "application/json")
	code := fmt.Sprint(rec.Code)
	require.True(t, strings.HasPrefix(code, want), "%s %s: %s, want %s: %s", method, path, code, want, rec.Body)
	responses := op["responses"].(map[string]any)
	response, ok := responses[code].(map[string]any)
	if !ok {
		require.NotEqual(t, byte('2'), code[0], "%s is not described", code)
		response = s.resolve(responses["default"].(map[string]any)["$ref"].(string))
	}
	content := response["content"].(map[string]any)
	kind, _, _ := strings.Cut(rec.Header().Get("Content-Type"), ";")
	media, ok := content[kind].(map[string]any)
	require.True(t, ok, "%s is not described", kind)
	if kind != "application/json" {
		return
	}
	var v any
	require.NoError(t, json.Unmarshal(rec.Body.Bytes(), &v))
	require.Empty(t, s.check(media["schema"].(map[string]any), v, "answer"), "%s %s", method, path)
}

// apiWorld has a webhook with an undelivered delivery, one that was delivered
// and one that waits, in a rotation. The function puts their IDs into a path.
func apiWorld(t *testing.T) (*world, func(string) string) {
	w := newWorld(t, nil)
	e := w.add("Ours", 500, "no")
	w.happen(1)
	w.deliver()
	n := w.deliveries(e)[0].ID
	w.network.Handle("host-1.example.com", http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(rw, "ok") }))
	w.happen(1)
	w.deliver()
	w.network.Handle("crm.example.com", http.NotFoundHandler())
	_, _, err := w.d.RotateSecret(t.Context(), "acme", e.ID, "", 0)
	require.NoError(t, err)
	w.happen(1)
	return w, func(path string) string {
		return strings.NewReplacer("{id}", e.ID, "{n}", itoa(n)).Replace(path)
	}
}

// A field that the document does not have at a path, but at another one or in
// other letters, is refused by its name, and so is what it describes otherwise.
func TestFieldsThatAreNotDescribed(t *testing.T) {
	s := document(t)
	described, all := map[string]map[string]any{}, map[string]bool{"made": true, "generate": true}
	for path, ops := range s.doc["paths"].(map[string]any) {
		op, ok := ops.(map[string]any)["post"].(map[string]any)
		if !ok {
			continue
		}
		fields := map[string]any{}
		if body, ok := op["requestBody"].(map[string]any); ok {
			media := body["content"].(map[string]any)["application/json"].(map[string]any)
			fields = s.resolve(media["schema"].(map[string]any)["$ref"].(string))["properties"].(map[string]any)
		}
		described[strings.TrimPrefix(path, "/")] = fields
		for name := range fields {
			all[name], all[strings.ToUpper(name[:1])+name[1:]] = true, true
		}
	}
	require.Len(t, described, 17)
	w, fill := apiWorld(t)
	w.store.since()
	for path, fields := range described {
		for name := range all {
			if _, ok := fields[name]; ok {
				continue
			}
			refused := w.api("POST", fill(path), `{"`+name+`":null}`, 400)["error"].(map[string]any)
			require.Equal(t, "json", refused["code"], "%s %s", path, name)
			require.Contains(t, refused["message"], `it has "`+name+`", which means nothing here`, path)
		}
		if _, ok := fields["version"]; ok {
			refused := w.api("POST", fill(path), `{"version":null}`, 400)["error"].(map[string]any)
			require.Contains(t, refused["message"], "version is null", path)
		}
	}
	require.Zero(t, changes(w.store.since()))
	for path, body := range map[string]string{ // what each of them would have done
		"new":             `{"name":"Off","url":"https://a.example.com/","events":["lead.scored"],"enabled":false}`,
		"new/test":        `{"name":"Off","url":"https://a.example.com/","events":["lead.scored"],"generate_secret":true}`,
		"{id}/edit":       `{"generate_secret":true}`,
		"{id}/enable":     `{"enabled":true}`,
		"{id}/delete":     `{"version":1}`,
		"{id}/{n}/resend": `{"waiting":"send"}`,
	} {
		w.api("POST", fill(path), body, 400)
		require.Zero(t, changes(w.store.since()), path)
	}
}

// The validator itself says what is wrong.
func TestSchema(t *testing.T) {
	s := document(t)
	object := map[string]any{"type": "object", "required": []any{"a"}, "additionalProperties": false,
		"properties": map[string]any{"a": map[string]any{"type": "integer", "minimum": 1.0}, "at": map[string]any{"type": []any{"string", "null"}, "format": "date-time"},
			"list": map[string]any{"type": "array", "items": map[string]any{"type": "string", "enum": []any{"x"}}}}}
	for value, want := range map[string]int{
		`{"a":1}`: 0, `{"a":1,"at":null,"list":["x"]}`: 0, `{"a":1,"at":"2026-11-26T10:00:00Z"}`: 0,
		`{}`: 1, `{"a":0}`: 1, `{"a":1.5}`: 1, `{"a":"1"}`: 1, `{"a":1,"b":1}`: 1, `{"a":1,"at":"yesterday"}`: 1, `{"a":1,"at":"2026-11-26T10:00:00+01:00"}`: 1,
		`{"a":1,"list":["x","y"]}`: 1, `[]`: 1, `null`: 1,
	} {
		var v any
		require.NoError(t, json.Unmarshal([]byte(value), &v))
		require.Len(t, s.check(object, v, "v"), want, value)
	}
	require.Len(t, s.check(map[string]any{"maxLength": 1}, "x", "v"), 1, "an unknown keyword must not pass")
}
