package webhook

import (
	"bytes"
	"encoding/gob"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestSecretStaysIn tries every ordinary way out.
func TestSecretStaysIn(t *testing.T) {
	const text = "correct horse battery staple"
	e := Endpoint{Name: "n", Secret: text, OldSecret: text, SigningKey: text}
	var out bytes.Buffer
	for _, v := range []any{Secret(text), e, &e, []Secret{text}, map[string]Secret{"k": text}} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d"} {
			fmt.Fprintf(&out, verb, v)
		}
	}
	for _, h := range []slog.Handler{slog.NewTextHandler(&out, nil), slog.NewJSONHandler(&out, nil)} {
		slog.New(h).Info("x", "secret", Secret(text), "endpoint", e, "pointer", &e)
	}
	for _, marshal := range []func(any) ([]byte, error){json.Marshal, xml.Marshal, func(v any) ([]byte, error) {
		var b bytes.Buffer
		err := gob.NewEncoder(&b).Encode(v)
		return b.Bytes(), err
	}} {
		b, err := marshal(holder{text})
		require.ErrorContains(t, err, "not marshalled")
		out.Write(b)
	}
	for _, leak := range []string{text, fmt.Sprintf("%x", text), fmt.Sprintf("%X", text), "horse"} {
		require.NotContains(t, out.String(), leak)
	}
	require.Contains(t, out.String(), "REDACTED")
	require.Equal(t, text, Secret(text).Reveal())

	b, err := json.Marshal(newDispatcher(t, nil).public(e))
	require.NoError(t, err, "an endpoint as the dispatcher returns it can be marshalled")
	require.NotContains(t, string(b), "horse")
}

type holder struct{ Secret Secret }

func TestGenerateSecret(t *testing.T) {
	a, b := GenerateSecret(), GenerateSecret()
	require.NotEqual(t, a.Reveal(), b.Reveal())
	require.True(t, strings.HasPrefix(a.Reveal(), "whsec_"))
	var p problems
	checkSecret(&p, a)
	require.NoError(t, p.err(), "what is generated is accepted")
}
