package events

import (
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
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

var update = flag.Bool("update", false, "write testdata/fields.txt from the Go types")

var timeType = reflect.TypeFor[Time]()

// checkShape compares decoded JSON with the Go type that it came from: the same
// keys at every depth, lists never null, scalars of the right kind. It returns the
// paths that are null, sorted.
func checkShape(t *testing.T, path string, typ reflect.Type, v any) (nulls []string) {
	t.Helper()
	if v == nil {
		if typ.Kind() != reflect.Pointer && typ != timeType {
			t.Errorf("%s is null", path)
		}
		return []string{path}
	}
	switch {
	case typ.Kind() == reflect.Pointer:
		return checkShape(t, path, typ.Elem(), v)
	case typ == timeType:
		if s, _ := v.(string); !regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$`).MatchString(s) {
			t.Errorf("%s is %v, want RFC 3339 in UTC with three fraction digits", path, v)
		}
	case typ.Kind() == reflect.Struct:
		object, ok := v.(map[string]any)
		if !ok {
			t.Fatalf("%s is %T, want an object", path, v)
		}
		for i := range typ.NumField() {
			f := typ.Field(i)
			name := f.Tag.Get("json")
			member, ok := object[name]
			if !ok {
				t.Errorf("%s.%s is absent", path, name)
				continue
			}
			delete(object, name)
			nulls = append(nulls, checkShape(t, path+"."+name, f.Type, member)...)
		}
		for name := range object {
			t.Errorf("%s.%s is not a field of %s", path, name, typ)
		}
	case typ.Kind() == reflect.Slice:
		list, ok := v.([]any)
		if !ok {
			t.Fatalf("%s is %T, want a list", path, v)
		}
		for i, e := range list {
			nulls = append(nulls, checkShape(t, path+"["+strconv.Itoa(i)+"]", typ.Elem(), e)...)
		}
	default:
		want := map[reflect.Kind]reflect.Kind{reflect.String: reflect.String, reflect.Bool: reflect.Bool, reflect.Int: reflect.Float64}[typ.Kind()]
		if got := reflect.TypeOf(v).Kind(); got != want {
			t.Errorf("%s is %s in JSON, of Go type %s", path, got, typ)
		}
	}
	slices.Sort(nulls)
	return nulls
}

// nullable returns the paths that are null in the zero value of typ, sorted.
func nullable(path string, typ reflect.Type) (paths []string) {
	switch {
	case typ.Kind() == reflect.Pointer, typ == timeType:
		return []string{path}
	case typ.Kind() == reflect.Struct:
		for i := range typ.NumField() {
			f := typ.Field(i)
			paths = append(paths, nullable(path+"."+f.Tag.Get("json"), f.Type)...)
		}
	}
	slices.Sort(paths)
	return paths
}

// structTypes returns every struct type in the data of the events, sorted by name.
func structTypes() []reflect.Type {
	found := map[string]reflect.Type{}
	var visit func(reflect.Type)
	visit = func(typ reflect.Type) {
		switch {
		case typ == timeType:
		case typ.Kind() == reflect.Pointer, typ.Kind() == reflect.Slice:
			visit(typ.Elem())
		case typ.Kind() == reflect.Struct:
			found[typ.Name()] = typ
			for i := range typ.NumField() {
				visit(typ.Field(i).Type)
			}
		}
	}
	for _, typ := range All() {
		visit(typ.Data)
	}
	var types []reflect.Type
	for _, name := range slices.Sorted(maps.Keys(found)) {
		types = append(types, found[name])
	}
	return types
}

// Plain slices and plain time.Time would break the rules of the JSON, and a tag
// with options would let fields vanish.
func TestFieldsFollowTheRules(t *testing.T) {
	snake := regexp.MustCompile(`^[a-z][a-z0-9]*(_[a-z0-9]+)*$`)
	for _, typ := range structTypes() {
		for i := range typ.NumField() {
			f := typ.Field(i)
			where := typ.Name() + "." + f.Name
			if tag := f.Tag.Get("json"); !snake.MatchString(tag) {
				t.Errorf("%s: json tag %q, want a snake_case name without options", where, tag)
			}
			if !f.IsExported() || f.Anonymous {
				t.Errorf("%s: unexported or embedded", where)
			}
			ft := f.Type
			if ft.Kind() == reflect.Pointer {
				ft = ft.Elem()
				if k := ft.Kind(); k != reflect.String && k != reflect.Int && k != reflect.Bool {
					t.Errorf("%s: %s, only scalars may be pointers", where, f.Type)
				}
			}
			switch ft.Kind() {
			case reflect.Slice:
				if !strings.HasPrefix(ft.Name(), "List[") {
					t.Errorf("%s: %s, want a List", where, ft)
				}
			case reflect.Struct:
				if ft.PkgPath() != timeType.PkgPath() {
					t.Errorf("%s: %s is not of this package", where, ft)
				}
			case reflect.String, reflect.Int, reflect.Bool:
			default:
				t.Errorf("%s: no rule for %s", where, ft)
			}
		}
	}
}

// Receivers rely on every field that was ever published. A change of this file
// that is not an addition breaks them.
func TestFieldsAreOnlyAdded(t *testing.T) {
	var b strings.Builder
	for _, typ := range structTypes() {
		for i := range typ.NumField() {
			f := typ.Field(i)
			name := strings.NewReplacer("events.", "", timeType.PkgPath()+".", "").Replace(f.Type.String())
			fmt.Fprintf(&b, "%s.%s %s\n", typ.Name(), f.Tag.Get("json"), name)
		}
	}
	file := filepath.Join("testdata", "fields.txt")
	if *update {
		if err := os.WriteFile(file, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	published, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	was, is := strings.Fields(strings.ReplaceAll(string(published), " ", ":")), strings.Fields(strings.ReplaceAll(b.String(), " ", ":"))
	for _, f := range was {
		if !slices.Contains(is, f) {
			t.Errorf("%s was removed, renamed or given another type: receivers break", f)
		}
	}
	for _, f := range is {
		if !slices.Contains(was, f) {
			t.Errorf("%s is new: run go test ./events -run TestFieldsAreOnlyAdded -update", f)
		}
	}
}

// sources parses the Go files of the package.
func sources(t *testing.T) map[string]*ast.File {
	t.Helper()
	names, err := filepath.Glob("*.go")
	if err != nil || len(names) == 0 {
		t.Fatalf("no Go files found: %v", err)
	}
	files := map[string]*ast.File{}
	for _, name := range names {
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		files[name] = f
	}
	return files
}

func TestStandardLibraryOnly(t *testing.T) {
	for name, f := range sources(t) {
		for _, spec := range f.Imports {
			path, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				t.Fatal(err)
			}
			first, _, _ := strings.Cut(path, "/")
			own := strings.HasSuffix(name, "_test.go") && path == timeType.PkgPath()
			if strings.Contains(first, ".") && !own {
				t.Errorf("%s imports %s", name, path)
			}
		}
	}
}

func TestEverythingExportedIsDocumented(t *testing.T) {
	for file, f := range sources(t) {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		for _, decl := range f.Decls {
			switch d := decl.(type) {
			case *ast.FuncDecl:
				if d.Name.IsExported() && d.Doc.Text() == "" {
					t.Errorf("%s: %s has no doc comment", file, d.Name)
				}
			case *ast.GenDecl:
				for _, spec := range d.Specs {
					checkSpecDocs(t, file, d, spec)
				}
			}
		}
	}
}

func checkSpecDocs(t *testing.T, file string, d *ast.GenDecl, spec ast.Spec) {
	switch s := spec.(type) {
	case *ast.ValueSpec:
		for _, name := range s.Names {
			if name.IsExported() && s.Doc.Text() == "" && (d.Lparen.IsValid() || d.Doc.Text() == "") {
				t.Errorf("%s: %s has no doc comment", file, name)
			}
		}
	case *ast.TypeSpec:
		if s.Name.IsExported() && d.Doc.Text() == "" {
			t.Errorf("%s: %s has no doc comment", file, s.Name)
		}
		st, ok := s.Type.(*ast.StructType)
		if !ok {
			return
		}
		for _, field := range st.Fields.List {
			doc := field.Doc.Text()
			name := "embedded field"
			if len(field.Names) > 0 {
				name = field.Names[0].Name
			}
			if doc == "" {
				t.Errorf("%s: %s.%s has no doc comment", file, s.Name, name)
			}
			if field.Tag != nil && mayBeNull(field.Type) && !strings.Contains(strings.ToLower(doc), "null") {
				t.Errorf("%s: the doc of %s.%s does not say when it is null", file, s.Name, name)
			}
		}
	}
}

// mayBeNull reports whether a field's doc has to speak of null: pointers, times
// and plain strings, of which it says that they never are.
func mayBeNull(expr ast.Expr) bool {
	switch e := expr.(type) {
	case *ast.StarExpr:
		return true
	case *ast.Ident:
		return e.Name == "Time" || e.Name == "string"
	}
	return false
}
