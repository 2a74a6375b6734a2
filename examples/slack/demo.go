package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"

	"github.com/autoreach/webhook"
	"github.com/autoreach/webhook/events"
	"github.com/autoreach/webhook/examples/internal/standin"
)

// This file is the demonstration.

func demonstrate(ctx context.Context, out io.Writer) (err error) {
	slack := standin.NewSlack()
	defer slack.Close()
	dir, err := os.MkdirTemp("", "slack-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	db, err := openDB(filepath.Join(dir, "slack.db"))
	if err != nil {
		return err
	}
	defer db.Close()
	a := &alerts{replies: slack.Hook("replies"), meetings: slack.Hook("meetings"), client: http.DefaultClient, log: standin.Log(out)}
	secret := webhook.GenerateSecret().Reveal()
	h, err := newReceiver(ctx, secret, db, a)
	if err != nil {
		return err
	}
	sender, err := standin.NewSender(h)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, sender.Close()) }()
	if err := sender.Subscribe(ctx, "/hooks", secret, events.ReplyReceived, events.MeetingBooked); err != nil {
		return err
	}

	fmt.Fprintln(out, "1. A lead replies")
	if err := sender.Emit(ctx, events.ReplyReceived, standin.Sample(events.ReplyReceived)); err != nil {
		return err
	}
	fmt.Fprintln(out, "2. A lead's mail program replies")
	automatic := standin.Sample(events.ReplyReceived).(events.ReplyReceivedData)
	automatic.Message.Text = "I am out of office until Monday."
	if err := sender.Emit(ctx, events.ReplyReceived, automatic); err != nil {
		return err
	}
	fmt.Fprintln(out, "3. A lead books a meeting, while Slack wants a second between two posts, and our answer is lost")
	slack.Exhaust(1)
	sender.LoseAnswers(1)
	if err := sender.Emit(ctx, events.MeetingBooked, standin.Sample(events.MeetingBooked)); err != nil {
		return err
	}
	n, err := sender.Redeliver(ctx)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "4. All %d events are delivered once more\n", n)

	replies, meetings := slack.Posted(a.replies), slack.Posted(a.meetings)
	fmt.Fprintf(out, "Slack has %d post in the channel of replies:\n", len(replies))
	show(out, replies)
	fmt.Fprintf(out, "and %d in that of meetings:\n", len(meetings))
	show(out, meetings)
	if len(replies) != 1 || len(meetings) != 1 {
		return errors.New("want one post in each channel")
	}
	return nil
}

// show prints what a channel shows, in Slack's mark-up.
func show(out io.Writer, posts []map[string]any) {
	for _, p := range posts {
		for _, b := range p["blocks"].([]any) {
			switch block := b.(map[string]any); block["type"] {
			case "section":
				text := block["text"].(map[string]any)["text"].(string)
				fmt.Fprintln(out, "     "+strings.ReplaceAll(text, "\n", "\n     "))
			case "actions":
				button := block["elements"].([]any)[0].(map[string]any)
				fmt.Fprintf(out, "     [%s] %s\n", button["text"].(map[string]any)["text"], button["url"])
			}
		}
	}
}
