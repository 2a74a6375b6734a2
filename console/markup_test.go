package console_test

import (
	"html"
	"regexp"
	"strings"
)

var (
	tags       = regexp.MustCompile(`<(/?[a-zA-Z!][a-zA-Z0-9]*)((?:[^<>"']|"[^"]*"|'[^']*')*)>`)
	attributes = regexp.MustCompile(`([a-zA-Z_:][-a-zA-Z0-9_:.]*)(?:\s*=\s*("[^"]*"|'[^']*'|[^\s"'>]+))?`)
)

// A tag of a page with its attributes.
type tag struct {
	name  string
	attrs map[string]string
	names []string
}

// parse returns the tags of a page.
func parse(page string) []tag {
	var out []tag
	for _, m := range tags.FindAllStringSubmatch(page, -1) {
		t := tag{name: strings.ToLower(m[1]), attrs: map[string]string{}}
		for _, a := range attributes.FindAllStringSubmatch(m[2], -1) {
			name := strings.ToLower(a[1])
			t.attrs[name] = html.UnescapeString(strings.Trim(a[2], `"'`))
			t.names = append(t.names, name)
		}
		out = append(out, t)
	}
	return out
}

// text is a page without its markup.
func text(page string) string {
	page = tags.ReplaceAllString(page, "\x00")
	return html.UnescapeString(strings.Join(strings.Fields(strings.ReplaceAll(page, "\x00", "")), " "))
}

// skeleton is a page without its text and its attributes' values.
func skeleton(page string) []string {
	var out []string
	for _, t := range parse(page) {
		out = append(out, t.name+" "+strings.Join(t.names, " "))
	}
	return out
}
