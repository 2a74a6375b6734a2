package console_test

import (
	"html"
	"strings"
)

// A tag of a page with its attributes.
type tag struct {
	name  string
	attrs map[string]string
	names []string
}

// scan goes through a page as a browser's tokenizer does, as far as these
// pages need: text and tags in turn.
func scan(page string, text func(string), found func(tag)) {
	for page != "" {
		i := strings.IndexByte(page, '<')
		if i < 0 || i+1 == len(page) {
			text(page)
			return
		}
		text(page[:i])
		page = page[i:]
		if c := page[1]; c != '/' && c != '!' && (c|0x20 < 'a' || c|0x20 > 'z') {
			text("<")
			page = page[1:]
			continue
		}
		var t tag
		t, page = readTag(page[1:])
		found(t)
	}
}

// readTag reads what follows a "<".
func readTag(s string) (tag, string) {
	t := tag{attrs: map[string]string{}}
	until := func(stops string) (word string) {
		i := strings.IndexAny(s, stops)
		if i < 0 {
			i = len(s)
		}
		word, s = s[:i], s[i:]
		return word
	}
	t.name = strings.ToLower(until(" \t\r\n>"))
	for {
		s = strings.TrimLeft(s, " \t\r\n/")
		if s == "" {
			return t, s
		}
		if s[0] == '>' {
			return t, s[1:]
		}
		name, value := strings.ToLower(until(" \t\r\n/>=")), ""
		if strings.HasPrefix(s, "=") {
			s = s[1:]
			if s != "" && (s[0] == '"' || s[0] == '\'') {
				quote := s[:1]
				s = s[1:]
				value = until(quote)
				s = strings.TrimPrefix(s, quote)
			} else {
				value = until(" \t\r\n>")
			}
		} else if name == "" {
			name, s = s[:1], s[1:]
		}
		t.names = append(t.names, name)
		t.attrs[name] = html.UnescapeString(value)
	}
}

// parse returns the tags of a page.
func parse(page string) (out []tag) {
	scan(page, func(string) {}, func(t tag) { out = append(out, t) })
	return out
}

// text is a page without its markup.
func text(page string) string {
	var b strings.Builder
	scan(page, func(s string) { b.WriteString(s) }, func(tag) {})
	return strings.Join(strings.Fields(html.UnescapeString(b.String())), " ")
}

// skeleton is a page without its text and its attributes' values.
func skeleton(page string) []string {
	var out []string
	for _, t := range parse(page) {
		out = append(out, t.name+" "+strings.Join(t.names, " "))
	}
	return out
}
