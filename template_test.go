package webhook_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/autoreach/webhook"
)

func TestTemplateFormat(t *testing.T) {
	render := func(contentType, text, data string) (string, error) {
		f, err := webhook.TemplateFormat("own", "Own", contentType, text)
		require.NoError(t, err, text)
		kind, body, err := f.Render(webhook.FormatEvent{
			ID: "id", Type: "a.b", Title: "A & B", OccurredAt: time.Date(2026, 11, 23, 10, 15, 30, 123e6, time.UTC), Data: json.RawMessage(data),
		})
		if err == nil {
			require.Equal(t, contentType, kind)
		}
		return string(body), err
	}
	const data = `{"name":"\"Jo\" <&>\n\\","n":12345678901234567890,"f":1.10,"null":null,"yes":true,"list":[1,{"a":"\""}],"at":"2026-01-02T03:04:05+01:00","inject":"\",\"channel\":\"#general","empty":"","nulls":[null,1]}`
	for _, c := range []struct{ contentType, text, want string }{
		{"application/json", `{"t":"{{.Data.name}} of {{.Type}}"}`, `{"t":"\"Jo\" <&>\n\\ of a.b"}`},
		{"application/json", `{"t":{{json .Data.name}},"n":{{.Data.n}},"m":{{json .Data.n}},"f":{{.Data.f}}}`, `{"t":"\"Jo\" <&>\n\\","n":12345678901234567890,"m":12345678901234567890,"f":1.10}`},
		{"application/json", `{"t":"{{.Data.inject}}"}`, `{"t":"\",\"channel\":\"#general"}`},
		{"application/json", `[{{json .Data.null}},{{json .Data.absent}},"{{.Data.null}}","{{.Data.absent}}","{{.Data.empty}}"]`, `[null,null,"","",""]`},
		{"application/json", `{"a":"{{with .Data.null}}{{.deeper}}{{end}}{{.Data.absent.deeper}}","b":{{json .Data}}}`, `{"a":"","b":` + normal(data) + `}`},
		{"application/json", `[{{range .Data.null}}1{{end}}{{if eq .Data.null "x"}}1{{end}}{{if ne .Data.null "x"}}2{{end}}{{if eq .Data.empty ""}},3{{end}}]`, `[2,3]`},
		{"text/plain", `{{slack .Data.null}}{{discord .Data.null}}{{range .Data.nulls}}<{{.}}>{{end}}`, "<><1>"},
		{"application/json", `{{json .Data.list}}`, `[1,{"a":"\""}]`},
		{"application/json", `"{{.Data.list}}"`, `"[1,{\"a\":\"\\\"\"}]"`},
		{"application/json", `{{with $x := .Data.name}}"{{$x}}"{{end}}`, `"\"Jo\" <&>\n\\"`},
		{"application/json", `{{if .Data.null}}1{{else}}"{{.Data.name | printf "%.4s"}}"{{end}}`, `"\"Jo\""`},
		{"application/json", `[{{range $i, $x := .Data.list}}{{if $i}},{{end}}{{json $x}}{{end}}]`, `[1,{"a":"\""}]`},
		{"application/json", `{{define "x"}}"{{.}}"{{end}}{{template "x" .Data.name}}`, `"\"Jo\" <&>\n\\"`},
		{"application/json", `{"text":"{{slack .Data.name}}"}`, `{"text":"\"Jo\" &lt;&amp;&gt;\n\\"}`},
		{"application/json", `"{{date "2 Jan 15:04" .OccurredAt}}, {{date "15:04" .Data.at}}, {{date "15:04" .Data.null}}, {{.OccurredAt}}"`, `"23 Nov 10:15, 02:04, , 2026-11-23T10:15:30.123Z"`},
		{"text/plain; charset=utf-8", `{{.Title}}: {{.Data.name}}{{.Data.null}}{{.Data.absent}} {{discord "*"}}`, "A & B: \"Jo\" <&>\n\\ \\*"},
		{"application/x-www-form-urlencoded", `name={{urlquery .Data.name}}`, "name=%22Jo%22+%3C%26%3E%0A%5C"},
	} {
		got, err := render(c.contentType, c.text, data)
		require.NoError(t, err, c.text)
		require.Equal(t, c.want, got, c.text)
		if c.contentType == "application/json" {
			require.True(t, json.Valid([]byte(got)), got)
		}
	}
	for _, text := range []string{`{{.Nope}}`, `{{.Data.name.deeper}}`, `{{.Data.null.deeper}}`, `{{date "15:04" "soon"}}`, `{{date "15:04" true}}`, `{{template "absent"}}`,
		`{{define "x"}}{{template "x"}}{{end}}{{template "x"}}`} {
		_, err := render("application/json", text, data)
		require.Error(t, err, text)
	}
	for _, c := range [][4]string{{"Own", "Own", "text/plain", ""}, {"own", "Own", "", ""}, {"own", "Own", "text/plain", "{{"}, {"own", "Own", "text/plain", "{{nofunc}}"}} {
		_, err := webhook.TemplateFormat(c[0], c[1], c[2], c[3])
		require.ErrorContains(t, err, "webhook: TemplateFormat", fmt.Sprint(c))
	}
}

// normal is JSON as encoding/json writes it, without escapes for HTML.
func normal(text string) string {
	var v any
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	if err := d.Decode(&v); err != nil {
		panic(err)
	}
	var b strings.Builder
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		panic(err)
	}
	return strings.TrimSpace(b.String())
}

// Whatever a stranger writes, a template's JSON keeps its shape.
func FuzzTemplateFormat(f *testing.F) {
	own, err := webhook.TemplateFormat("own", "Own", "application/json",
		`{"a":"x{{.Data.v}}y{{slack .Data.v}}","b":{{json .Data.v}},"c":"{{range .Data.l}}{{.}}{{end}}"}`)
	require.NoError(f, err)
	for _, s := range []string{"", `"`, `\`, `","a":"`, "\u2028", "</script>", "\x00", "{{.}}", "\xff"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		data, err := json.Marshal(map[string]any{"v": s, "l": []any{s, 1, nil, map[string]any{s: s}}})
		require.NoError(t, err)
		_, body, err := own.Render(webhook.FormatEvent{Data: data})
		require.NoError(t, err)
		var got map[string]string
		require.NoError(t, json.Unmarshal(body, &got), "%s", body)
		require.Len(t, got, 3)
		var given struct{ V string }
		require.NoError(t, json.Unmarshal(data, &given))
		require.Equal(t, given.V, got["b"])
	})
}
