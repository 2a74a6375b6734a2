package webhook

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"strings"
	"text/template"
	"text/template/parse"
	"time"

	"github.com/autoreach/webhook/internal/chat"
)

// maxTemplateOutput bounds what a template makes; [Options.MaxPayload] bounds
// it further.
const maxTemplateOutput = 16 << 20

// TemplateFormat returns a [Format] that renders with a text/template. The
// template's dot is the [FormatEvent], with Data decoded: objects are maps,
// lists are slices, and numbers keep all their digits. A field that is null or
// absent is nil, false for {{if}}, and printed as nothing. A field of a null is an
// error, which ends the delivery: where an object may be null, as in data of the
// host's own, write {{with .Data.company}}{{.name}}{{end}}.
//
// What a template prints was written by strangers. If the content type is JSON
// every printed value is escaped for the inside of a JSON string, so that
// "{{.Data.lead.name}} replied" needs no care; {{json .Data.lead}} prints a
// whole JSON value, quotes included, for outside of strings. The result must
// be JSON, or the delivery fails.
//
// Beside those of text/template there are the functions
//
//	json      the value as JSON
//	slack     a text with what Slack gives a meaning escaped
//	discord   a text with what Discord gives a meaning escaped
//	date      an instant (OccurredAt, or an RFC 3339 string) by a layout of package time, in UTC
//
// A template that does not parse, a name that a Format cannot have or a content
// type that is none is an error. Trust templates like code: they are for the
// host's own, not for customers'.
func TemplateFormat(name, title, contentType, text string) (Format, error) {
	if err := checkFormatName(name); err != nil {
		return Format{}, fmt.Errorf("webhook: TemplateFormat: %w", err)
	}
	kind, _, err := mime.ParseMediaType(contentType)
	if err != nil {
		return Format{}, fmt.Errorf("webhook: TemplateFormat %s: the content type %q: %w", name, contentType, err)
	}
	isJSON := kind == "application/json" || strings.HasSuffix(kind, "+json")
	t, err := template.New(name).Funcs(template.FuncMap{
		"json": templateJSON, "date": templateDate,
		"slack":      func(v any) string { return chat.EscapeSlack(templateText(v)) },
		"discord":    func(v any) string { return chat.EscapeDiscord(templateText(v)) },
		"_print":     templateText,
		"_printJSON": func(v any) (string, error) { return insideJSON(templateText(v)) },
	}).Parse(text)
	if err != nil {
		return Format{}, fmt.Errorf("webhook: TemplateFormat: %w", err)
	}
	for _, defined := range t.Templates() {
		if defined.Tree != nil {
			escapeActions(defined.Tree.Root, isJSON)
		}
	}
	return Format{Name: name, Title: title, Render: func(e FormatEvent) (string, []byte, error) {
		dot := struct {
			FormatEvent
			Data any
		}{FormatEvent: e}
		d := json.NewDecoder(bytes.NewReader(e.Data))
		d.UseNumber()
		if err := d.Decode(&dot.Data); err != nil {
			return "", nil, err
		}
		var out limitedBuffer
		if err := t.Execute(&out, dot); err != nil {
			return "", nil, err
		}
		return contentType, out.Bytes(), nil
	}}, nil
}

// escapeActions ends every pipeline that prints with the function that prints,
// unless it ends in json, which escapes by itself.
func escapeActions(node parse.Node, isJSON bool) {
	switch n := node.(type) {
	case *parse.ListNode:
		if n != nil {
			for _, each := range n.Nodes {
				escapeActions(each, isJSON)
			}
		}
	case *parse.ActionNode:
		escapePipe(n.Pipe, isJSON)
	case *parse.IfNode:
		escapeActions(n.List, isJSON)
		escapeActions(n.ElseList, isJSON)
	case *parse.RangeNode:
		escapeActions(n.List, isJSON)
		escapeActions(n.ElseList, isJSON)
	case *parse.WithNode:
		escapeActions(n.List, isJSON)
		escapeActions(n.ElseList, isJSON)
	}
}

func escapePipe(p *parse.PipeNode, isJSON bool) {
	if p == nil || len(p.Decl) > 0 || len(p.Cmds) == 0 { // an assignment prints nothing
		return
	}
	last := p.Cmds[len(p.Cmds)-1]
	if id, ok := last.Args[0].(*parse.IdentifierNode); ok && id.Ident == "json" {
		return
	}
	name := "_print"
	if isJSON {
		name = "_printJSON"
	}
	p.Cmds = append(p.Cmds, &parse.CommandNode{
		NodeType: parse.NodeCommand, Pos: last.Pos, Args: []parse.Node{parse.NewIdentifier(name).SetPos(last.Pos)},
	})
}

// templateText is a value as text: nothing for nil, digits as they came for
// numbers, JSON for objects and lists.
func templateText(v any) string {
	switch x := v.(type) {
	case nil:
		return ""
	case string:
		return x
	case json.Number:
		return x.String()
	case time.Time:
		return x.UTC().Format(timestampFormat)
	case json.RawMessage:
		return string(x)
	case []byte:
		return string(x)
	case map[string]any, []any:
		s, _ := templateJSON(v) // what was decoded from JSON
		return s
	}
	return fmt.Sprint(v)
}

func templateJSON(v any) (string, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return "", err
	}
	return strings.TrimSuffix(b.String(), "\n"), nil
}

// insideJSON escapes a text for the inside of a JSON string.
func insideJSON(s string) (string, error) {
	s, err := templateJSON(s)
	if err != nil {
		return "", err
	}
	return s[1 : len(s)-1], nil
}

func templateDate(layout string, v any) (string, error) {
	switch at := v.(type) {
	case nil:
		return "", nil
	case time.Time:
		return at.UTC().Format(layout), nil
	case string:
		t, err := time.Parse(time.RFC3339, at)
		return t.UTC().Format(layout), err
	}
	return "", fmt.Errorf("date takes an instant, not a %T", v)
}

// limitedBuffer refuses to grow beyond a bound.
type limitedBuffer struct{ bytes.Buffer }

func (b *limitedBuffer) Write(p []byte) (int, error) {
	if b.Len()+len(p) > maxTemplateOutput {
		return 0, errors.New("the template makes too much text")
	}
	return b.Buffer.Write(p)
}
