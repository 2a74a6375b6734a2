package webhook

import (
	"errors"
	"fmt"
	"io"
	"log/slog"

	"github.com/autoreach/webhook/internal/signature"
)

// Secret is a signing secret. It prints and logs as REDACTED and refuses to
// be marshalled; [Secret.Reveal] is the only way out. (Package fmt calls no
// methods on unexported fields: a struct of yours that keeps a Secret in one
// prints it. Export the field, or give the struct a Format method.)
type Secret string

const redacted = "REDACTED"

var errSecretMarshal = errors.New("webhook: a secret is not marshalled; use Reveal where it must leave the process")

// GenerateSecret returns a new random secret: whsec_ and the base64 of 32
// bytes, which every Standard Webhooks library accepts as it is.
func GenerateSecret() Secret { return Secret(signature.Generate()) }

// Reveal returns the secret itself, for stores and for showing it once to
// the customer who owns it.
func (s Secret) Reveal() string { return string(s) }

// String returns REDACTED, or "" for no secret.
func (s Secret) String() string {
	if s == "" {
		return ""
	}
	return redacted
}

// Format prints what String returns, whatever the verb.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, s.String()) }

// LogValue logs what String returns.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }

// MarshalText refuses, unless there is no secret.
func (s Secret) MarshalText() ([]byte, error) {
	if s == "" {
		return nil, nil
	}
	return nil, errSecretMarshal
}

// MarshalBinary refuses like MarshalText; encoding/gob asks it.
func (s Secret) MarshalBinary() ([]byte, error) { return s.MarshalText() }
