package webhook_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/autoreach/webhook"
	"github.com/autoreach/webhook/verify"
)

// NewVerifier is verify.New, with its options.
func TestNewVerifier(t *testing.T) {
	const body, signature = "Hello, World!", "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
	v, err := webhook.NewVerifier("It's a Secret to Everybody", nil)
	require.NoError(t, err)
	require.NoError(t, v.Verify([]byte(body), signature))
	v, err = webhook.NewVerifier("It's a Secret to Everybody", &webhook.VerifyOptions{Scheme: verify.ReplayProtected})
	require.NoError(t, err)
	require.ErrorIs(t, v.Verify([]byte(body), signature), verify.ErrScheme)
}
