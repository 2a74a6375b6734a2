package console

import (
	"embed"
)

// The programs are those of docs/receiving.md, which the tests there run.
//
//go:embed snippets
var snippetFiles embed.FS

type verifyView struct {
	Webhook  *webhookView `json:"webhook"`
	Snippets []snippet    `json:"snippets"` // none for a chat
	Seconds  string       `json:"-"`
}

type snippet struct {
	ID    string `json:"id"`
	Title string `json:"title"`
	Needs string `json:"needs"`
	Code  string `json:"code"`
}

var snippets = readSnippets()

func readSnippets() []snippet {
	read := func(names ...string) (code string) {
		for i, name := range names {
			b, err := snippetFiles.ReadFile("snippets/" + name)
			if err != nil {
				panic(err) // embedded
			}
			if i > 0 {
				code += "\n"
			}
			code += string(b)
		}
		return code
	}
	return []snippet{
		{"go", "Go", "go get github.com/autoreach/webhook: one requirement, package verify needs the standard library only.", read("receiver.go.txt")},
		{"node", "Node", "npm install standardwebhooks express. Two files.", read("webhook.mjs", "express.mjs")},
		{"python", "Python", "Standard library for verifying; Flask for the request. Two files.", read("webhook.py", "flask_app.py")},
	}
}

func (v *visit) verify() (*answer, error) {
	r, err := v.readable()
	if err != nil {
		return nil, err
	}
	timeout := r.Timeout
	if timeout == 0 {
		timeout = v.d.Limits(v.account).Timeout
	}
	view := &verifyView{Webhook: v.webhookView(r), Snippets: snippets, Seconds: decimal(timeout.Seconds())}
	if isChat(r.SentAs) {
		view.Snippets = []snippet{} // there is no receiver that could verify
	}
	return &answer{json: view, page: "verify", title: "Verify " + r.Name, data: view}, nil
}
