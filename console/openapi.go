package console

import _ "embed"

//go:embed openapi.json
var openAPIDocument []byte

// openAPI describes the JSON.
func (v *visit) openAPI() (*answer, error) {
	return &answer{raw: &download{contentType: "application/json", body: openAPIDocument}}, nil
}
