package policy

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"strings"
	"testing"
)

// public are the folders of packages that others import.
var public = []string{".", "events", "verify", "verify/verifytest", "verify/sqlonce", "console", "storetest", "webhooktest", "stores/sqlitestore", "stores/pgstore"}

// Every exported name has a comment: a function, a method of an exported type, a
// type, a constant or variable (or its group).
func TestEverythingExportedIsDocumented(t *testing.T) {
	seen := 0
	for _, folder := range public {
		files, err := filepath.Glob(filepath.Join(root, folder, "*.go"))
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range files {
			if strings.HasSuffix(name, "_test.go") {
				continue
			}
			f, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ParseComments)
			if err != nil {
				t.Fatal(err)
			}
			for _, what := range exported(f) {
				seen++
				if !what.documented {
					t.Errorf("%s: %s has no comment", name, what.name)
				}
			}
		}
	}
	if seen < 400 {
		t.Errorf("only %d exported names were looked at", seen)
	}
}

type name struct {
	name       string
	documented bool
}

// exported are the exported names that a file declares.
func exported(f *ast.File) (out []name) {
	for _, decl := range f.Decls {
		switch d := decl.(type) {
		case *ast.FuncDecl:
			if d.Name.IsExported() && (d.Recv == nil || ast.IsExported(receiver(d.Recv.List[0].Type))) {
				out = append(out, name{d.Name.Name, d.Doc != nil})
			}
		case *ast.GenDecl:
			for _, spec := range d.Specs {
				switch s := spec.(type) {
				case *ast.ValueSpec:
					for _, n := range s.Names {
						if n.IsExported() {
							out = append(out, name{n.Name, d.Doc != nil || s.Doc != nil || s.Comment != nil})
						}
					}
				case *ast.TypeSpec:
					if s.Name.IsExported() {
						out = append(out, name{s.Name.Name, d.Doc != nil || s.Doc != nil})
					}
				}
			}
		}
	}
	return out
}

// receiver is the name of a method's type.
func receiver(e ast.Expr) string {
	switch x := e.(type) {
	case *ast.StarExpr:
		return receiver(x.X)
	case *ast.IndexExpr:
		return receiver(x.X)
	case *ast.Ident:
		return x.Name
	}
	return ""
}
