package webhook

import (
	"encoding/json"
	"net/http"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Each signer makes the published vectors of its scheme, byte for byte.
func TestSignersMakePublishedVectors(t *testing.T) {
	text, err := os.ReadFile("verify/testdata/signature_vectors.json")
	require.NoError(t, err)
	var file struct {
		Vectors []struct {
			Scheme, Secret, Timestamp, Expected string
			Body                                string
			BodyRepeat                          *struct {
				Byte  string
				Count int
			} `json:"body_repeat"`
			Headers map[string]string
			Valid   bool
		}
	}
	require.NoError(t, json.Unmarshal(text, &file))
	made := map[string]int{}
	for _, x := range file.Vectors {
		if !x.Valid || x.Expected == "accept" { // a list with others in it, for verifiers
			continue
		}
		body := []byte(x.Body)
		if x.BodyRepeat != nil {
			body = []byte(strings.Repeat(x.BodyRepeat.Byte, x.BodyRepeat.Count))
		}
		s := Signing{ID: x.Headers["webhook-id"], Body: body}
		stamp, err := strconv.ParseInt(x.Headers["webhook-timestamp"]+x.Timestamp, 10, 64)
		if err == nil {
			s.Timestamp = time.Unix(stamp, 0)
		}
		var signer Signer
		var header, prefix string
		switch x.Scheme {
		case "standard-webhooks-v1":
			signer, header = StandardSigner{}, headerStandardSignatures
		case "standard-webhooks-v1a-ed25519":
			signer, header = StandardSigner{}, headerStandardSignatures
			s.SigningKey, err = newSigningKey(Secret(x.Secret))
			require.NoError(t, err)
		case "github-sha256":
			signer, header = GitHubSigner{}, "X-Hub-Signature-256"
		case "stripe-v1":
			signer, header, prefix = StripeSigner{}, "Stripe-Signature", "t="+x.Timestamp+",v1="
		default:
			continue
		}
		if s.SigningKey.private == nil {
			k, err := newKey(Secret(x.Secret))
			if err != nil {
				require.ErrorContains(t, err, "18 bytes") // a verifier takes it, an endpoint does not
				continue
			}
			s.Keys = []Key{k}
		}
		h := http.Header{}
		require.NoError(t, signer.Sign(t.Context(), h, s))
		require.Equal(t, prefix+x.Expected, h.Get(header), "%s", x.Scheme)
		made[x.Scheme]++
	}
	require.Equal(t, map[string]int{"standard-webhooks-v1": 5, "standard-webhooks-v1a-ed25519": 1, "github-sha256": 6, "stripe-v1": 1}, made)
}
