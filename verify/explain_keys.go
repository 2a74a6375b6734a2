package verify

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/http"
	"strings"

	"github.com/autoreach/webhook/internal/signature"
)

// given is a secret as it was given to New or NewKey.
type given struct {
	text []byte
	raw  bool // by NewKey: bytes rather than text
}

// standardKey is the key for webhook-signature, whatever the scheme.
func (k keyPair) standardKey() ([]byte, error) {
	g := k.given()
	if g.raw {
		return g.text, nil
	}
	return signature.StandardKey(string(g.text), minStandardKey, maxStandardKey)
}

// spellings are the ways in which a secret is copied wrongly: into the receiver's
// configuration, or, when something has to be added, at the sender.
var spellings = []struct {
	of     func([]byte) []byte
	what   string
	advice string
}{
	{func(s []byte) []byte { return s }, "", ""},
	{bytes.TrimSpace, "without the white space around it", "Remove that (a line break usually comes from a file)."},
	{func(s []byte) []byte { return bytes.Trim(bytes.TrimSpace(s), "\"'`") }, "without the quotes around it", "Remove them."},
	{func(s []byte) []byte {
		return bytes.TrimSuffix(bytes.TrimSuffix(s, []byte(`\n`)), []byte(`\r`))
	}, `without the written-out \n at its end`, "Remove that."},
	{func(s []byte) []byte { return bytes.Join(bytes.Fields(s), nil) }, "without the white space within it", "Remove that."},
	{func(s []byte) []byte { return append(bytes.Clone(s), '\n') }, "with a line break at its end", "Set it again at the sender, without."},
	{func(s []byte) []byte { return append(bytes.Clone(s), "\r\n"...) }, "with a CR LF at its end", "Set it again at the sender, without."},
	{func(s []byte) []byte { return append(bytes.Clone(s), ' ') }, "with a space at its end", "Set it again at the sender, without."},
	{func(s []byte) []byte { return quoted(s, '"') }, "with quotes around it", "Set it again at the sender, without."},
	{func(s []byte) []byte { return quoted(s, '\'') }, "with quotes around it", "Set it again at the sender, without."},
}

func quoted(s []byte, quote byte) []byte {
	return append(append([]byte{quote}, s...), quote)
}

// readings are the ways in which the text of a secret is made a key.
var readings = []struct {
	of   func([]byte) []byte
	what string
}{
	{asText, "as text, as it is"},
	{decodedAfterPrefix, "decoded: the bytes that the base64 after whsec_ stands for"},
	{decoded, "decoded: the bytes that the base64 stands for"},
	{func(s []byte) []byte { after, _ := bytes.CutPrefix(s, []byte("whsec_")); return after }, "as the text after whsec_"},
	{func(s []byte) []byte { b, _ := hex.DecodeString(string(s)); return b }, "decoded: the bytes that the hex digits stand for"},
	{func(s []byte) []byte { return append([]byte("whsec_"), s...) }, "as text, with whsec_ in front"},
	{func(s []byte) []byte { return []byte("whsec_" + base64.StdEncoding.EncodeToString(s)) }, "encoded: the text whsec_ and the base64 of it"},
	{func(s []byte) []byte { return []byte(base64.StdEncoding.EncodeToString(s)) }, "encoded: the text of its base64"},
}

func asText(s []byte) []byte { return s }

func decodedAfterPrefix(s []byte) []byte {
	after, ok := bytes.CutPrefix(s, []byte("whsec_"))
	if !ok {
		return nil
	}
	return decoded(after)
}

// decoded takes either alphabet, with padding or without.
func decoded(s []byte) []byte {
	text := strings.NewReplacer("-", "+", "_", "/").Replace(strings.TrimRight(string(s), "="))
	b, err := base64.RawStdEncoding.DecodeString(text)
	if err != nil {
		return nil
	}
	return b
}

// otherKey finds that another spelling or reading of a secret gives the claimed
// signature.
func (t *trial) otherKey(http.Header) string {
	for i, k := range t.v.keys {
		g := k.given()
		var tried [][]byte
		for _, s := range spellings {
			text := s.of(g.text)
			// How this spelling would have been read here.
			own := asText
			if t.claim.standard && !g.raw && bytes.HasPrefix(text, []byte("whsec_")) {
				own = decodedAfterPrefix
			}
			for _, r := range readings {
				key := r.of(text)
				if contains(tried, key) {
					continue
				}
				tried = append(tried, key)
				if !t.isKey(key) {
					continue
				}
				name := "the secret"
				if n := len(t.v.keys); n > 1 {
					name = fmt.Sprintf("secret %d of %d (New's, Options.MoreSecrets, Options.MoreKeys)", i+1, n)
				}
				says := "The signature is right for " + name
				if s.what != "" {
					says += " " + s.what
				}
				if bytes.Equal(key, own(text)) {
					return says + ". " + s.advice
				}
				says += ", taken " + r.what + "."
				if s.advice != "" {
					says += " " + s.advice
				}
				return says + " " + keyAdvice(t.claim.standard, g, r.what)
			}
		}
	}
	return ""
}

func contains(list [][]byte, b []byte) bool {
	for _, x := range list {
		if bytes.Equal(x, b) {
			return true
		}
	}
	return false
}

// keyAdvice says who has to change what when a secret was read in two ways.
func keyAdvice(standard bool, g given, reading string) string {
	switch {
	case !standard && !g.raw:
		return "The key of X-Webhook-Signature is the text as it is, whatever it looks like: the sender has to take it so, or has another form of it."
	case g.raw && strings.HasPrefix(reading, "encoded"), g.raw && strings.HasPrefix(reading, "decoded"):
		return "Give the secret to New in the form in which the sender shows it, rather than bytes to NewKey."
	case g.raw:
		return "Give NewKey the bytes that the sender signs with."
	case bytes.HasPrefix(g.text, []byte("whsec_")):
		return "The sender has to decode a secret that starts with whsec_ for webhook-signature; if it never does, give its bytes to NewKey."
	default:
		return "A secret without whsec_ is its own key: put whsec_ in front of it if it is base64 and the sender shows it so, or give the bytes to NewKey."
	}
}
