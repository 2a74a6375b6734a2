package guard

import (
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestIsCredential(t *testing.T) {
	for raw, want := range map[string]bool{
		"https://hooks.slack.com/services/x": true, "https://hooks.slack.com/triggers/x": true, "https://HOOKS.SLACK-GOV.com./x": true,
		"https://discord.com/api/webhooks/1/x": true, "https://ptb.discord.com/x": true, "https://hooks.zapier.com/hooks/catch/1/x": true,
		"https://hook.eu1.make.com/x": true, "https://hook.us1.make.celonis.com/x": true, "https://hook.integromat.com/x": true,
		"https://prod-1.westeurope.logic.azure.com:443/workflows/x": true, "https://0.09.environment.api.powerplatform.com/x": true,
		"https://acme.webhook.office.com/webhookb2/x": true, "https://chat.googleapis.com/v1/spaces/x": true,
		"https://crm.example.com/x": false, "https://nothooks.slack.com/x": false, "https://slack.com/x": false, "https://remake.com/x": false, "https://zapier.com/x": false,
	} {
		u, err := url.Parse(raw)
		require.NoError(t, err)
		require.Equal(t, want, IsCredential(u), raw)
	}
}
