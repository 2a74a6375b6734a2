package verify_test

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/autoreach/webhook/verify"
	"github.com/autoreach/webhook/verify/verifytest"
)

// Each mistake with a secret is made on one side, and the other has it right.
func TestExplainSecret(t *testing.T) {
	const decoded = "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	const hexed = "6368616e676520746869732070617373776f7264"
	bytesOf := func(decode func(string) ([]byte, error), s string) string {
		b, err := decode(s)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	key := bytesOf(base64.StdEncoding.DecodeString, decoded)
	for name, c := range map[string]struct {
		here, there string
		key         bool // the bytes of here, by NewKey
		scheme      verify.Scheme
		want        []string
	}{
		"a line break":             {here: secret + "\n", key: true, there: secret, want: []string{"without the white space around it", "Remove"}},
		"a line break in front":    {here: "\n" + secret, there: secret, want: []string{"without the white space around it"}},
		"a line break, whsec_":     {here: whsec + "\n", key: true, there: whsec, scheme: verify.BodyOnly, want: []string{"without the white space around it"}},
		"a line break there":       {here: secret, there: secret + "\n", want: []string{"with a line break at its end", "at the sender"}},
		"CR LF there":              {here: secret, there: secret + "\r\n", want: []string{"with a CR LF at its end"}},
		"quotes":                   {here: `"` + secret + `"`, there: secret, want: []string{"without the quotes around it"}},
		"single quotes":            {here: `'` + secret + `'`, there: secret, scheme: verify.BodyOnly, want: []string{"without the quotes around it"}},
		"quotes, whsec_":           {here: `"` + whsec + `"`, there: whsec, want: []string{"without the quotes around it"}},
		"quotes there":             {here: secret, there: `"` + secret + `"`, want: []string{"with quotes around it", "at the sender"}},
		"a written-out line break": {here: secret + `\n`, there: secret, want: []string{`written-out \n`}},
		"a wrapped line":           {here: whsec[:20] + "\n" + whsec[20:], there: whsec, scheme: verify.BodyOnly, want: []string{"white space within"}},
		"whsec_ left out":          {here: decoded, there: whsec, want: []string{"taken decoded", "put whsec_ in front"}},
		"whsec_ as raw bytes":      {here: whsec, key: true, there: whsec, want: []string{"taken decoded", "to New in the form"}},
		"decoded, body only":       {here: key, key: true, there: whsec, scheme: verify.BodyOnly, want: []string{"taken encoded", "to New in the form"}},
		"never decoded there":      {here: whsec, there: "text", want: []string{"taken as text, as it is", "sender has to decode"}},
		"decoded there":            {here: whsec, there: "decoded", scheme: verify.BodyOnly, want: []string{"taken decoded", "the text as it is, whatever it looks like"}},
		"hex decoded there":        {here: hexed, there: bytesOf(hex.DecodeString, hexed), want: []string{"hex digits"}},
		"another":                  {here: secret, there: oldSecret, want: []string{"No known mistake makes the secret give"}},
	} {
		t.Run(name, func(t *testing.T) {
			v, err := verify.New(c.here, &verify.Options{Scheme: c.scheme})
			if c.key {
				v, err = verify.NewKey([]byte(c.here), &verify.Options{Scheme: c.scheme})
			}
			if err != nil {
				t.Fatal(err)
			}
			sent := delivery(t)
			r := request(t, sent, &verifytest.Options{ID: "evt_1"})
			switch c.there {
			case "text":
				sign(r, "evt_1", []byte(whsec), sent)
			case "decoded":
				sign(r, "evt_1", []byte(key), sent)
			default:
				r = httptest.NewRequest(http.MethodPost, "/", nil)
				verifytest.Sign(r, c.there, sent, &verifytest.Options{Scheme: c.scheme})
			}
			if v.VerifyHeaders(sent, r.Header) == nil {
				t.Fatal("the request verifies")
			}
			wantSaid(t, wantDiscreet(t, v.Explain(r, sent), r.Header, c.here), c.want...)
		})
	}
}

// sign replaces the two signatures by those of another sender's making.
func sign(r *http.Request, id string, key, body []byte) {
	sum := func(text string) []byte {
		mac := hmac.New(sha256.New, key)
		mac.Write([]byte(text))
		return mac.Sum(nil)
	}
	r.Header.Set("webhook-signature", "v1,"+base64.StdEncoding.EncodeToString(sum(id+"."+r.Header.Get("webhook-timestamp")+"."+string(body))))
	r.Header.Set("X-Webhook-Signature", "sha256="+hex.EncodeToString(sum(string(body))))
}

// Of several secrets it says which; during a rotation one header has the old
// one.
func TestExplainSeveralSecrets(t *testing.T) {
	sent := delivery(t)
	v := mustNew(t, secret, &verify.Options{MoreSecrets: []string{`"` + oldSecret + `"`, whsec}})
	wantSaid(t, explained(t, v, oldSecret, sent, sent, nil), "secret 2 of 3", "without the quotes")
	wantSaid(t, explained(t, v, "a third one, unknown", sent, sent, nil), "any of the 3 secrets")

	rotating := request(t, sent, nil) // X-Webhook-Signature with another one than webhook-signature
	other := httptest.NewRequest(http.MethodPost, "/", nil)
	verifytest.Sign(other, oldSecret, sent, nil)
	rotating.Header.Set("X-Webhook-Signature", other.Header.Get("X-Webhook-Signature"))
	wantSaid(t, mustNew(t, secret, &verify.Options{Scheme: verify.BodyOnly}).Explain(rotating, sent), "webhook-signature of the same request is right", "old one", "MoreSecrets")

	rotating.Header.Set("webhook-id", "evt_changed")
	wantSaid(t, mustNew(t, oldSecret, nil).Explain(rotating, sent), "X-Webhook-Signature of the same request is right", "webhook-id")
}

// With public keys, bodies are judged as with secrets.
func TestExplainPublicKeys(t *testing.T) {
	sent := delivery(t)
	again := append(bytes.Clone(sent), '\n')
	private, public := verifytest.Keys()
	_, other := verifytest.Keys()
	made := func(key string, opts *verify.Options) *verify.Verifier {
		v, err := verify.NewPublic(key, opts)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	alone := &verifytest.Options{SigningKey: private}
	wantSaid(t, explained(t, made(public, nil), "", sent, again, alone), "line break at the end of the body: it was added on the way")
	wantSaid(t, explained(t, made(other, &verify.Options{PublicKeys: []string{other}}), "", sent, sent, alone), "any of the 2 public keys")
	wantSaid(t, explained(t, made(public, nil), secret, sent, sent, nil), "by a shared secret (v1) only", "New")
	wantSaid(t, explained(t, mustNew(t, secret, nil), "", sent, sent, alone), "ed25519 entries (v1a) only", "NewPublic")
	both := mustNew(t, secret, &verify.Options{PublicKeys: []string{other}})
	wantSaid(t, explained(t, both, oldSecret, sent, sent, &verifytest.Options{SigningKey: private}), "makes the secret give", "any of the 1 public keys")
	wantSaid(t, explained(t, both, secret, sent, again, &verifytest.Options{SigningKey: private}), "line break at the end")
	wantSaid(t, explained(t, made(public, nil), "", sent, []byte{}, alone), "The body is empty")
}
