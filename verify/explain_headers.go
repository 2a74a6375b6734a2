package verify

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/autoreach/webhook/internal/signature"
)

const proxy = "a proxy, gateway or function runtime in front of the program hands on listed headers only. Let it hand on " +
	"webhook-id, webhook-timestamp, webhook-signature and X-Webhook-Signature."

// explainHeaders is about headers that are absent or not in their form.
func (v *Verifier) explainHeaders(h http.Header, body []byte) string {
	need := []string{headerID, headerTimestamp, headerSignature}
	if !v.usesStandard(h) {
		need = []string{headerBody}
	}
	var absent, present []string
	for _, name := range need {
		if len(h[name]) == 0 {
			absent = append(absent, name)
		} else {
			present = append(present, name)
		}
	}
	if len(absent) > 0 {
		return v.explainAbsent(h, absent, present)
	}
	for _, name := range need {
		if text := explainLines(name, h[name]); text != "" {
			return text
		}
	}
	for _, name := range need {
		if text := v.explainValue(name, h.Get(name)); text != "" {
			return text + v.rightAllTheSame(h, name, body)
		}
	}
	return "A header is not in its form."
}

func (v *Verifier) explainAbsent(h http.Header, absent, present []string) string {
	are := strings.Join(absent, ", ") + " is absent"
	if len(absent) > 1 {
		are = strings.Join(absent, ", ") + " are absent"
	}
	for key := range h {
		if name := http.CanonicalHeaderKey(strings.TrimPrefix(strings.ReplaceAll(strings.ToLower(key), "_", "-"), "http-")); name != key && slices.Contains(absent, name) {
			return are + ", but there under another spelling of its name: fill the http.Header with its method Set, " +
				"and let nothing on the way write underscores for hyphens."
		}
	}
	switch {
	case len(present) > 0:
		return fmt.Sprintf("%s and %s there: %s", are, strings.Join(present, ", "), "probably "+proxy)
	case v.opt.Scheme == ReplayProtected && len(h[headerBody]) > 0:
		return are + " and X-Webhook-Signature is there: the sender knows that header only, or " + proxy +
			" Or somebody removed them to replay the rest: do not give up ReplayProtected for it."
	case v.opt.Scheme == BodyOnly && len(h[headerSignature]) > 0:
		return are + " and webhook-signature is there: ask for ReplayProtected, which judges by that one."
	}
	for _, other := range [][2]string{{"Svix-Signature", "Svix"}, {"Stripe-Signature", "Stripe"}, {"X-Hub-Signature-256", "GitHub"}, {"X-Hub-Signature", "GitHub"}} {
		if len(h[other[0]]) > 0 {
			return are + ", and the request has the signature header of " + other[1] + ", which is not looked at."
		}
	}
	return are + ", and there is no other signature: the webhook has no secret at the sender, this is no delivery, or " + proxy
}

// explainLines is about the number of lines of a header.
func explainLines(name string, lines []string) string {
	switch {
	case len(lines) > 1 && len(slices.Compact(slices.Clone(lines))) == 1:
		return fmt.Sprintf("%s is there %d times with the same value: a proxy in front adds what it hands on already.", name, len(lines))
	case len(lines) > 1:
		return fmt.Sprintf("%s is there %d times with several values: something on the way adds one, or somebody tries which of them is believed.", name, len(lines))
	case lines[0] == "":
		return name + " is there and empty: a proxy in front probably sets it from a variable that does not exist."
	}
	return ""
}

// explainValue says what is wrong with the one value of a header, or "".
func (v *Verifier) explainValue(name, value string) string {
	if trimmed := strings.Trim(value, " \t\r\n\"'"); trimmed != value {
		return name + " has white space or quotes around its value."
	}
	if folded(value) {
		return name + " has the same value twice on one line: a proxy in front folds two lines into one."
	}
	switch name {
	case headerID:
		if !signature.ValidID(value) {
			return fmt.Sprintf("%s is not 1 to %d visible ASCII characters without a full stop.", name, signature.MaxIDBytes)
		}
	case headerTimestamp:
		return explainTimestamp(value)
	case headerSignature:
		if _, err := signature.ParseSignatures(value, v.versions()); err != nil {
			return explainList(value, v.versions())
		}
	case headerBody:
		return explainBodyOnly(value)
	}
	return ""
}

// folded reports whether a value is the same text twice with a comma between.
func folded(value string) bool {
	n := len(value)
	for _, comma := range []string{",", ", "} {
		if half := (n - len(comma)) / 2; half > 0 && value == value[:half]+comma+value[:half] {
			return true
		}
	}
	return false
}

func explainTimestamp(value string) string {
	if _, ok := signature.ParseTimestamp(value); ok {
		return ""
	}
	digits := value != "" && strings.Trim(value, "0123456789") == ""
	switch _, err := time.Parse(time.RFC3339, value); {
	case err == nil:
		return headerTimestamp + " is a date: it has to be seconds since 1970 in digits."
	case digits && len(value) == 13:
		return headerTimestamp + " is in milliseconds: it has to be in seconds."
	case digits && (len(value) == 16 || len(value) == 19):
		return headerTimestamp + " is in micro- or nanoseconds: it has to be in seconds."
	}
	return headerTimestamp + " is not seconds since 1970 in digits, without sign, fraction and leading zero."
}

func explainList(value string, versions signature.Versions) string {
	want := ": an entry has to be v1, and the base64 of the 32 bytes, in the standard alphabet with its padding."
	if !versions.V1 {
		want = ": an entry has to be v1a, and the base64 of the 64 bytes, in the standard alphabet with its padding."
	}
	entries := strings.Fields(value)
	v1, v1a := 0, 0
	for _, entry := range entries {
		if strings.HasPrefix(entry, "v1,") {
			v1++
		}
		if strings.HasPrefix(entry, "v1a,") {
			v1a++
		}
	}
	switch {
	case len(value) > signature.MaxSignatureBytes || len(entries) > signature.MaxSignatures || versions.V1a && v1a > signature.MaxAsymmetric:
		return fmt.Sprintf("%s has more than %d bytes, %d entries or %d by ed25519.",
			headerSignature, signature.MaxSignatureBytes, signature.MaxSignatures, signature.MaxAsymmetric)
	case strings.Contains(value, "sha256="):
		return headerSignature + " has the form of X-Webhook-Signature" + want
	case strings.HasPrefix(value, "t=") || strings.HasPrefix(value, "v1="):
		return headerSignature + " has the form of Stripe's header" + want
	case strings.Contains(value, ", v1,"), strings.Contains(value, ",v1,"), strings.Contains(value, ";"):
		return headerSignature + " has a comma or semicolon between its entries, where a space has to be: a proxy in front probably folds lines."
	case v1a > 0 && v1 == 0 && !versions.V1a:
		return headerSignature + " has ed25519 entries (v1a) only, which a shared secret does not verify: give the sender's public key to NewPublic or Options.PublicKeys."
	case v1 > 0 && v1a == 0 && !versions.V1:
		return headerSignature + " has entries by a shared secret (v1) only, which a public key does not verify: give the secret to New, or an ed25519 key to the sender."
	}
	for _, entry := range entries {
		text, versioned := strings.CutPrefix(entry, "v1,")
		switch _, form := digest(text); {
		case form == "hex":
			return headerSignature + " is in hex" + want
		case form == "base64 of hex":
			return headerSignature + " is the base64 of the hex digits" + want
		case form == "base64" && !versioned:
			return headerSignature + " lacks v1, in front" + want
		case form == "other base64":
			return headerSignature + " is in URL-safe or unpadded base64" + want
		}
	}
	return headerSignature + " is cut or not a signature" + want
}

func explainBodyOnly(value string) string {
	if _, ok := signature.ParseBody(value); ok {
		return ""
	}
	const want = ": it has to be sha256= and the 32 bytes in hex."
	switch {
	case strings.HasPrefix(value, "v1,"):
		return headerBody + " has the form of webhook-signature" + want
	case strings.HasPrefix(value, "t="):
		return headerBody + " has the form of Stripe's header" + want
	}
	algorithm, text, ok := strings.Cut(value, "=")
	_, form := digest(text)
	switch {
	case ok && algorithm != "sha256" && len(algorithm) < 10 && strings.EqualFold(algorithm, "sha256"):
		return headerBody + " has sha256 in capitals" + want
	case ok && slices.Contains([]string{"sha1", "sha384", "sha512", "md5"}, strings.ToLower(algorithm)):
		return headerBody + " is of another algorithm" + want
	case ok && algorithm == "sha256" && form != "" && form != "hex":
		return headerBody + " is in base64" + want
	}
	switch _, form := digest(value); form {
	case "hex":
		return headerBody + " lacks sha256= in front" + want
	case "":
		return headerBody + " is cut or not a signature" + want
	default:
		return headerBody + " is in base64, without sha256= in front" + want
	}
}

// digest reads 32 bytes in any form that people write them in.
func digest(text string) (sum []byte, form string) {
	if len(text) > 2*base64.StdEncoding.EncodedLen(2*signature.Size) {
		return nil, ""
	}
	if b, err := hex.DecodeString(text); err == nil && len(b) == signature.Size {
		return b, "hex"
	}
	b := decoded([]byte(text))
	switch {
	case len(b) == signature.Size && base64.StdEncoding.EncodeToString(b) == text:
		return b, "base64"
	case len(b) == signature.Size:
		return b, "other base64"
	case len(b) == 2*signature.Size:
		if b, err := hex.DecodeString(string(b)); err == nil {
			return b, "base64 of hex"
		}
	}
	return nil, ""
}

// rightAllTheSame adds that a signature in the wrong form is right, if it is.
func (v *Verifier) rightAllTheSame(h http.Header, name string, body []byte) string {
	if body == nil || name != headerSignature && name != headerBody {
		return ""
	}
	corrected := h.Clone()
	for _, entry := range strings.Fields(strings.Trim(h.Get(name), "\"'")) {
		for _, prefix := range []string{"v1,", "sha256=", "SHA256="} {
			entry = strings.TrimPrefix(entry, prefix)
		}
		sum, form := digest(entry)
		if form == "" {
			continue
		}
		value := "v1," + base64.StdEncoding.EncodeToString(sum)
		if name == headerBody {
			value = "sha256=" + hex.EncodeToString(sum)
		}
		corrected.Set(name, value)
		if v.VerifyHeaders(body, corrected) == nil {
			return " Apart from its form it is right."
		}
		return ""
	}
	return ""
}
