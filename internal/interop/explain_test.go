package interop

import (
	"bytes"
	"net/http"
	"os/exec"
	"strings"
	"testing"

	"github.com/autoreach/webhook/verify"
)

// A delivery that another language parsed and encoded again does not verify, and
// Explain says why.
func TestExplainOtherLanguages(t *testing.T) {
	python := program(t, "python3")
	for name, command := range map[string][]string{
		"JSON.stringify":         {program(t, "node"), "-e", `process.stdout.write(JSON.stringify(JSON.parse(require("fs").readFileSync(0))))`},
		"JSON.stringify, pretty": {program(t, "node"), "-e", `console.log(JSON.stringify(JSON.parse(require("fs").readFileSync(0)), null, 2))`},
		"json.dumps":             {python, "-c", `import json, sys; print(json.dumps(json.load(sys.stdin.buffer)), end="")`},
		"json.dumps, compact":    {python, "-c", `import json, sys; print(json.dumps(json.load(sys.stdin.buffer), separators=(",", ":")))`},
	} {
		t.Run(name, func(t *testing.T) {
			for _, s := range secrets {
				r := captured(t, s.secret)
				cmd := exec.Command(command[0], command[1:]...)
				cmd.Stdin = bytes.NewReader(r.body)
				again, err := cmd.Output()
				if err != nil {
					t.Fatal(err)
				}
				v, err := verify.New(s.secret, nil)
				if err != nil {
					t.Fatal(err)
				}
				if v.VerifyHeaders(again, r.header) == nil {
					t.Error("it verifies")
				}
				text := v.Explain(&http.Request{Method: http.MethodPost, Header: r.header}, again)
				if !strings.Contains(text, "parsed and encoded again before it was verified, which changed") {
					t.Error(text)
				}
			}
		})
	}
}
