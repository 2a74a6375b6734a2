package chat

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
)

// The bounds of a message about an event that nothing is known of.
const (
	maxFacts = 12
	maxDepth = 4 // of objects within objects
	maxItems = 5 // of a list
)

// generic tells an event field by field, in the order of the data.
func generic(e Event) note {
	n := note{emoji: "🔔", colour: grey}
	var w walker
	w.value("", e.Data, 0)
	n.summary = e.title()
	for i, f := range w.part.facts[:min(3, len(w.part.facts))] {
		n.summary += []string{": ", ", ", ", "}[i] + f.name + " " + f.value.plain()
	}
	n.add(w.part)
	if w.more > 0 {
		n.add(part{text: []line{{say("and " + strconv.Itoa(w.more) + " more values, which are not shown")}}})
	}
	return n
}

// A walker collects the values of a JSON text.
type walker struct {
	part part
	more int // that were not collected
}

func (w *walker) add(name, value string) {
	if name == "" {
		name = "Data"
	}
	if value = clip(value, someText); value == "" {
		return
	}
	if len(w.part.facts) == maxFacts {
		w.more++
		return
	}
	w.part.facts = append(w.part.facts, fact{clip(name, shortText), line{say(value)}})
}

func (w *walker) value(name string, raw []byte, depth int) {
	raw = bytes.TrimSpace(raw)
	switch {
	case len(raw) == 0:
	case raw[0] == '{' && depth == maxDepth:
		w.add(name, "(more data)")
	case raw[0] == '{':
		w.object(name, raw, depth)
	case raw[0] == '[':
		w.add(name, list(raw))
	default:
		w.add(name, scalar(raw))
	}
}

func (w *walker) object(name string, raw []byte, depth int) {
	d := json.NewDecoder(bytes.NewReader(raw))
	if _, err := d.Token(); err != nil {
		return
	}
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return
		}
		var value json.RawMessage
		if d.Decode(&value) != nil {
			return
		}
		label := words(inline(fmt.Sprint(key), shortText))
		switch {
		case label == "":
			label = "(no name)"
		case name != "" && label[0] >= 'A' && label[0] <= 'Z' && label != strings.ToUpper(label):
			label = strings.ToLower(label[:1]) + label[1:]
		}
		if name != "" {
			label = name + " › " + label
		}
		w.value(label, value, depth+1)
	}
}

// scalar is a value as it is written: numbers keep their digits.
func scalar(raw []byte) string {
	switch string(raw) {
	case "null":
		return ""
	case "true":
		return "yes"
	case "false":
		return "no"
	}
	if raw[0] != '"' {
		return inline(string(raw), shortText)
	}
	var s string
	if json.Unmarshal(raw, &s) != nil {
		return ""
	}
	return inline(s, someText)
}

// list is the first few values of a list, or how many there are.
func list(raw []byte) string {
	var all []json.RawMessage
	if json.Unmarshal(raw, &all) != nil || len(all) == 0 {
		return ""
	}
	var shown []string
	for _, v := range all[:min(maxItems, len(all))] {
		if v = bytes.TrimSpace(v); v[0] == '{' || v[0] == '[' {
			return strconv.Itoa(len(all)) + " items"
		}
		if s := scalar(v); s != "" {
			shown = append(shown, s)
		}
	}
	if len(all) > maxItems {
		shown = append(shown, strconv.Itoa(len(all)-maxItems)+" more")
	}
	return strings.Join(shown, ", ")
}
