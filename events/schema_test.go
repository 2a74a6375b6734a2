package events

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"go/ast"
	"go/token"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// The JSON Schemas in docs/schemas are made from the Go types and their comments.

//go:generate go test -run ^TestSchemas$ . -update

const schemas = "../docs/schemas"

// A schema is JSON Schema, draft 2020-12, as far as it is needed here, in the
// order in which people read it.
type schema struct {
	Schema      string   `json:"$schema,omitempty"`
	Ref         string   `json:"$ref,omitempty"`
	Title       string   `json:"title,omitempty"`
	Description string   `json:"description,omitempty"`
	Type        any      `json:"type,omitempty"` // a name or several
	Const       string   `json:"const,omitempty"`
	Format      string   `json:"format,omitempty"`
	Pattern     string   `json:"pattern,omitempty"`
	Minimum     *int     `json:"minimum,omitempty"`
	Maximum     *int     `json:"maximum,omitempty"`
	Examples    []string `json:"examples,omitempty"`
	AnyOf       []schema `json:"anyOf,omitempty"`
	Items       *schema  `json:"items,omitempty"`
	MaxItems    int      `json:"maxItems,omitempty"`
	Properties  members  `json:"properties,omitempty"`
	Required    []string `json:"required,omitempty"`
	Defs        members  `json:"$defs,omitempty"`
}

// members is an object of schemas in a given order.
type members []member

type member struct {
	name   string
	schema schema
}

func (m members) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	for i, x := range m {
		fmt.Fprintf(&b, "%c%q:", "{,"[min(i, 1)], x.name)
		if err := enc.Encode(x.schema); err != nil {
			return nil, err
		}
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

// The committed files are what the types and their comments say.
func TestSchemas(t *testing.T) {
	if *update {
		if err := os.MkdirAll(schemas, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	docs := comments(t)
	want := map[string]bool{}
	for _, e := range All() {
		file := filepath.Join(schemas, e.Name+".json")
		want[file] = true
		var b bytes.Buffer
		enc := json.NewEncoder(&b)
		enc.SetEscapeHTML(false)
		enc.SetIndent("", "  ")
		if err := enc.Encode(schemaOf(t, e, docs)); err != nil {
			t.Fatal(err)
		}
		if *update {
			if err := os.WriteFile(file, b.Bytes(), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		got, err := os.ReadFile(file)
		if err != nil {
			t.Error(err)
		} else if !bytes.Equal(got, b.Bytes()) {
			t.Errorf("%s is not what the types say: run go generate ./events", file)
		}
	}
	files, err := filepath.Glob(filepath.Join(schemas, "*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if !want[file] {
			t.Errorf("%s belongs to no event", file)
		}
	}
}

func schemaOf(t *testing.T, e Type, docs map[string]string) schema {
	defs := map[string]schema{}
	data := typeSchema(t, e.Data, docs, defs)
	all := defs[e.Data.Name()]
	all.Description = "The data of " + e.Name + "."
	defs[e.Data.Name()] = all
	s := schema{
		Schema:      "https://json-schema.org/draft/2020-12/schema",
		Title:       e.Title,
		Description: e.Description + ". The body of the delivery. Every field is present, null when it is not known. Fields are added over time: pass over those that you do not know.",
		Type:        "object",
		Properties: members{
			{"event", schema{Description: "The name of the event.", Type: "string", Const: e.Name}},
			{"timestamp", schema{Description: "When the event occurred, in UTC.", Type: "string", Format: "date-time"}},
			{"data", data},
		},
		Required: []string{"event", "timestamp", "data"},
	}
	for _, name := range slices.Sorted(maps.Keys(defs)) {
		s.Defs = append(s.Defs, member{name, defs[name]})
	}
	return s
}

// typeSchema is the schema of values of a type. Structs and enumerations go into
// defs.
func typeSchema(t *testing.T, typ reflect.Type, docs map[string]string, defs map[string]schema) schema {
	named := typ.PkgPath() == timeType.PkgPath() && (typ.Kind() == reflect.Struct || typ.Kind() == reflect.String)
	ref := schema{Ref: "#/$defs/" + typ.Name()}
	if _, made := defs[typ.Name()]; made && named {
		return ref
	}
	switch {
	case typ == timeType:
		return schema{Type: []string{"string", "null"}, Format: "date-time"}
	case typ.Kind() == reflect.Pointer:
		s := typeSchema(t, typ.Elem(), docs, defs)
		if s.Ref != "" {
			return schema{AnyOf: []schema{s, {Type: "null"}}}
		}
		s.Type = []string{s.Type.(string), "null"}
		return s
	case typ.Kind() == reflect.Slice:
		items := typeSchema(t, typ.Elem(), docs, defs)
		return schema{Type: "array", Items: &items}
	case typ.Kind() == reflect.Struct:
		s := schema{Description: docs[typ.Name()], Type: "object"}
		defs[typ.Name()] = s
		for i := range typ.NumField() {
			f := typ.Field(i)
			name := f.Tag.Get("json")
			s.Properties = append(s.Properties, member{name, fieldSchema(t, typ, f, docs, defs)})
			s.Required = append(s.Required, name)
		}
		defs[typ.Name()] = s
		return ref
	case typ.Kind() == reflect.String && named:
		values := strings.Split(docs[typ.Name()+" values"], "\n")
		s := schema{Description: docs[typ.Name()], Type: "string"}
		for _, v := range values {
			value, doc, _ := strings.Cut(v, ": ")
			s.Description += " " + strconv.Quote(value) + " " + doc
			s.Examples = append(s.Examples, value)
		}
		defs[typ.Name()] = s
		return ref
	}
	name, ok := map[reflect.Kind]string{reflect.String: "string", reflect.Int: "integer", reflect.Bool: "boolean"}[typ.Kind()]
	if !ok {
		t.Fatalf("no schema for %s", typ)
	}
	return schema{Type: name}
}

// fieldSchema adds what a field's name and comment say beyond its type.
func fieldSchema(t *testing.T, in reflect.Type, f reflect.StructField, docs map[string]string, defs map[string]schema) schema {
	s := typeSchema(t, f.Type, docs, defs)
	doc := docs[in.Name()+"."+f.Name]
	if doc == "" {
		t.Errorf("%s.%s has no comment", in.Name(), f.Name)
	}
	// Other fields are called by their names in JSON.
	for i := range in.NumField() {
		other := in.Field(i)
		doc = regexp.MustCompile(`\b`+other.Name+`\b`).ReplaceAllString(doc, other.Tag.Get("json"))
	}
	s.Description = sentence(doc)
	name := f.Tag.Get("json")
	switch {
	case name == "email":
		s.Format = "email"
	case name == "url", strings.HasSuffix(name, "_url"):
		s.Format = "uri"
	case strings.HasSuffix(name, "_date"):
		s.Pattern = `^[0-9]{4}(-[0-9]{2}(-[0-9]{2})?)?$`
	case name == "recent_messages":
		s.MaxItems = MaxRecentMessages
	case strings.Contains(doc, "from 0 to 100"):
		s.Minimum, s.Maximum = Ptr(0), Ptr(100)
	case strings.Contains(doc, "four digits"):
		s.Minimum, s.Maximum = Ptr(1000), Ptr(9999)
	}
	return s
}

// sentence is a comment without the name that it begins with: "Name is the
// display name." says of the field name: "The display name."
func sentence(doc string) string {
	_, doc, _ = strings.Cut(doc, " ")
	for _, verb := range []string{"is ", "are "} {
		doc = strings.TrimPrefix(doc, verb)
	}
	return strings.ToUpper(doc[:1]) + doc[1:]
}

// comments returns the comments of types, of fields as "Type.Field", and as
// "Type values" the values of an enumeration, a line "value: comment" for each.
func comments(t *testing.T) map[string]string {
	t.Helper()
	out := map[string]string{}
	clean := func(g *ast.CommentGroup) string {
		text := strings.Join(strings.Fields(g.Text()), " ")
		text = strings.ReplaceAll(text, "[MaxRecentMessages]", strconv.Itoa(MaxRecentMessages))
		return strings.NewReplacer("[", "", "]", "").Replace(text)
	}
	for _, f := range sources(t) {
		for _, decl := range f.Decls {
			d, ok := decl.(*ast.GenDecl)
			if !ok {
				continue
			}
			for _, spec := range d.Specs {
				switch s := spec.(type) {
				case *ast.TypeSpec:
					out[s.Name.Name] = clean(cmp.Or(s.Doc, d.Doc))
					if st, ok := s.Type.(*ast.StructType); ok {
						for _, field := range st.Fields.List {
							for _, name := range field.Names {
								out[s.Name.Name+"."+name.Name] = clean(field.Doc)
							}
						}
					}
				case *ast.ValueSpec:
					typ, ok := s.Type.(*ast.Ident)
					if !ok || d.Tok != token.CONST {
						continue
					}
					value, err := strconv.Unquote(s.Values[0].(*ast.BasicLit).Value)
					if err != nil {
						t.Fatal(err)
					}
					_, doc, _ := strings.Cut(clean(s.Doc), " ")
					line := value + ": " + doc
					out[typ.Name+" values"] = strings.TrimPrefix(out[typ.Name+" values"]+"\n"+line, "\n")
				}
			}
		}
	}
	return out
}
