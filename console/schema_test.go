package console_test

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"
)

// A schema is the part of JSON Schema that openapi.json uses. A keyword that
// is not known here fails, so that nothing is believed to be checked that is
// not.
type schema struct {
	doc map[string]any
}

// check returns what is wrong with a value, by its place.
func (s schema) check(of map[string]any, v any, at string) (wrong []string) {
	say := func(format string, args ...any) { wrong = append(wrong, at+": "+fmt.Sprintf(format, args...)) }
	for keyword, arg := range of {
		switch keyword {
		case "description", "enum", "required", "additionalProperties", "properties", "items", "format", "minimum":
		case "$ref":
			wrong = append(wrong, s.check(s.resolve(arg.(string)), v, at)...)
		case "type":
			types, ok := arg.([]any)
			if !ok {
				types = []any{arg}
			}
			if !slices.ContainsFunc(types, func(t any) bool { return isType(t.(string), v) }) {
				say("is %T, want %v", v, arg)
				return wrong
			}
		case "anyOf":
			if !slices.ContainsFunc(arg.([]any), func(o any) bool { return len(s.check(o.(map[string]any), v, at)) == 0 }) {
				say("matches none of anyOf")
			}
		default:
			say("the keyword %s is not known to this test", keyword)
		}
	}
	if enum, ok := of["enum"].([]any); ok && !slices.Contains(enum, v) {
		say("%v is none of %v", v, enum)
	}
	switch v := v.(type) {
	case string:
		switch of["format"] {
		case "date-time":
			if _, err := time.Parse(time.RFC3339, v); err != nil || !strings.HasSuffix(v, "Z") {
				say("%q is no time in UTC", v)
			}
		case "uuid":
			if len(v) != 36 {
				say("%q is no UUID", v)
			}
		case nil:
		default:
			say("the format %v is not known to this test", of["format"])
		}
	case float64:
		if least, ok := of["minimum"].(float64); ok && v < least {
			say("%v is below %v", v, least)
		}
	case []any:
		for i, x := range v {
			wrong = append(wrong, s.check(of["items"].(map[string]any), x, fmt.Sprintf("%s[%d]", at, i))...)
		}
	case map[string]any:
		properties, _ := of["properties"].(map[string]any)
		for name, x := range v {
			p, known := properties[name].(map[string]any)
			if extra, ok := of["additionalProperties"].(map[string]any); !known && ok {
				p, known = extra, true
			}
			if !known && of["additionalProperties"] == false {
				say("%s is not described", name)
			}
			if known {
				wrong = append(wrong, s.check(p, x, at+"."+name)...)
			}
		}
		required, _ := of["required"].([]any)
		for _, name := range required {
			if _, ok := v[name.(string)]; !ok {
				say("%s is missing", name)
			}
		}
	}
	return wrong
}

func isType(name string, v any) bool {
	switch v := v.(type) {
	case nil:
		return name == "null"
	case bool:
		return name == "boolean"
	case string:
		return name == "string"
	case float64:
		return name == "number" || name == "integer" && v == math.Trunc(v)
	case []any:
		return name == "array"
	case map[string]any:
		return name == "object"
	}
	return false
}

// resolve follows a reference within the document.
func (s schema) resolve(ref string) map[string]any {
	at := s.doc
	for _, name := range strings.Split(strings.TrimPrefix(ref, "#/"), "/") {
		at = at[name].(map[string]any)
	}
	return at
}
