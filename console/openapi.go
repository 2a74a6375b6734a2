package console

import (
	_ "embed"
	"encoding/json"
	"strings"
	"sync"
)

//go:embed openapi.json
var openAPIDocument []byte

// openAPI describes the JSON.
func (v *visit) openAPI() (*answer, error) {
	return &answer{raw: &download{contentType: "application/json", body: openAPIDocument}}, nil
}

// described are the fields of the JSON that each path takes, by openapi.json:
// what is no field there is refused, and not passed over.
var described = sync.OnceValue(func() map[string]map[string]json.RawMessage {
	var doc struct {
		Paths map[string]struct {
			Post struct {
				RequestBody struct {
					Content map[string]struct {
						Schema struct {
							Ref string `json:"$ref"`
						}
					}
				}
			}
		}
		Components struct {
			Schemas map[string]struct {
				Properties map[string]json.RawMessage
			}
		}
	}
	if err := json.Unmarshal(openAPIDocument, &doc); err != nil {
		panic("console: openapi.json: " + err.Error())
	}
	out := map[string]map[string]json.RawMessage{}
	for path, p := range doc.Paths {
		ref := p.Post.RequestBody.Content["application/json"].Schema.Ref
		out[path] = doc.Components.Schemas[strings.TrimPrefix(ref, "#/components/schemas/")].Properties
	}
	return out
})
