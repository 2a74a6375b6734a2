package console

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/autoreach/webhook"
)

// The command line sends what a test would, byte for byte, whatever of it means
// something to a shell or to curl.
func TestCommand(t *testing.T) {
	got := make(chan webhook.Preview, 1)
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got <- webhook.Preview{URL: r.RequestURI, Header: http.Header{"X-Note": r.Header["X-Note"]}, Body: body}
	}))
	t.Cleanup(server.Close)
	for name, c := range map[string]struct{ path, header, body string }{
		"JSON":     {"/hook?a=1&b=2", "1", `{"event":"lead.scored"}`},
		"quotes":   {"/hook'$HOME", `it's "$HOME" \`, "it's `id` \"$HOME\" \\"},
		"lines":    {"/hook", "1", "a\r\nb\n\n"},
		"brackets": {"/[1-2]/{a,b}?x[0]=1", "1", "{}"},
		"a file":   {"/hook", "1", "@/etc/hostname"},
		"an @":     {"/hook", "1", "@"},
		"an =":     {"/hook", "1", "name=@/etc/hostname"},
		"nothing":  {"/hook", "1", ""},
	} {
		t.Run(name, func(t *testing.T) {
			want := webhook.Preview{URL: c.path, Header: http.Header{"X-Note": {c.header}}, Body: []byte(c.body)}
			req := want
			req.URL = server.URL + c.path
			out, err := exec.Command("sh", "-c", curl(req, nil)).CombinedOutput()
			require.NoError(t, err, "%s", out)
			require.Equal(t, want, <-got)
		})
	}
}
