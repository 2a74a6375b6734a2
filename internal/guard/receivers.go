package guard

import (
	"net/url"
	"slices"
	"strings"
)

// IsSlack says whether a URL is that of an incoming webhook of Slack, which
// takes messages. Those of its workflows (/triggers/, /workflows/) take
// variables of their own instead.
func IsSlack(u *url.URL) bool {
	return isHost(u, "hooks.slack.com", "hooks.slack-gov.com") && strings.HasPrefix(u.Path, "/services/")
}

// IsDiscord says whether a URL is that of a webhook of Discord which takes
// Discord's messages: those that end in /slack and /github take others'.
func IsDiscord(u *url.URL) bool {
	if !isHost(u, "discord.com", "discordapp.com", "ptb.discord.com", "canary.discord.com") {
		return false
	}
	parts := strings.Split(strings.TrimSuffix(u.Path, "/"), "/")[1:]
	if len(parts) == 5 && parts[0] == "api" && strings.HasPrefix(parts[1], "v") {
		parts = slices.Delete(parts, 1, 2)
	}
	return len(parts) == 4 && parts[0] == "api" && parts[1] == "webhooks"
}

// IsCredential says whether who has the URL can post to its receiver, so that
// its path is a secret: Slack, Discord, Teams and whatever else Power Automate
// and Logic Apps receive, Google Chat, Zapier, Make.
func IsCredential(u *url.URL) bool {
	host := strings.TrimSuffix(strings.ToLower(u.Hostname()), ".")
	for _, name := range []string{
		"hooks.slack.com", "hooks.slack-gov.com", "discord.com", "discordapp.com", "webhook.office.com", "outlook.office.com",
		"logic.azure.com", "logic.azure.us", "api.powerplatform.com", "chat.googleapis.com", "hooks.zapier.com",
		"make.com", "make.celonis.com", "integromat.com",
	} {
		if host == name || strings.HasSuffix(host, "."+name) {
			return true
		}
	}
	return false
}

func isHost(u *url.URL, names ...string) bool {
	return u.Scheme == "https" && slices.Contains(names, strings.ToLower(u.Host))
}
