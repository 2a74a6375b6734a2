package chat

import (
	"github.com/autoreach/webhook/internal/chatpeer"
)

func checkSlack(b []byte) error   { return chatpeer.Slack(b) }
func checkDiscord(b []byte) error { return chatpeer.Discord(b) }
func checkTeams(b []byte) error   { return chatpeer.Teams(b) }
