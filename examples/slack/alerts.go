package main

import (
	"bytes"
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/autoreach/webhook/events"
	"github.com/autoreach/webhook/verify"
	"github.com/autoreach/webhook/verify/sqlonce"
)

// This file is the part to copy.

// alerts posts to channels of Slack: it chooses the channel by the event and
// leaves out what nobody wants to be called for.
type alerts struct {
	replies, meetings string // URLs of incoming webhooks; whoever has one can post
	client            *http.Client
	log               *slog.Logger
}

// newReceiver returns the handler of both webhooks, Reply Received and Meeting
// Booked: they have the same URL and secret.
//
// Slack has nothing to recognise a repeated post by. If this process dies within
// the moment between Slack's ok and the record of it in the database, the alert
// is posted again when AutoReach sends the event again, rather than lost.
func newReceiver(ctx context.Context, secret string, db *sql.DB, a *alerts) (http.Handler, error) {
	once, err := sqlonce.New(db, nil)
	if err != nil {
		return nil, err
	}
	if err := once.CreateTable(ctx); err != nil {
		return nil, err
	}
	v, err := verify.New(secret, &verify.Options{Scheme: verify.ReplayProtected, Once: once, Logger: a.log})
	if err != nil {
		return nil, err
	}
	return v.Handler(a.handle), nil
}

func (a *alerts) handle(ctx context.Context, m verify.Message) error {
	ctx, cancel := context.WithTimeout(ctx, 12*time.Second) // the sender waits for 15
	defer cancel()
	switch {
	case m.Test: // Send Test Payload: it is genuine, and not about anybody
		return nil
	case m.Event == events.ReplyReceived:
		var d events.ReplyReceivedData
		if err := json.Unmarshal(m.Data, &d); err != nil {
			return err
		}
		if strings.Contains(strings.ToLower(d.Message.Text), "out of office") {
			a.log.Info("no alert for an automatic reply", "lead", d.Lead.ID)
			return nil
		}
		return a.post(ctx, a.replies, reply(d))
	case m.Event == events.MeetingBooked:
		var d events.MeetingBookedData
		if err := json.Unmarshal(m.Data, &d); err != nil {
			return err
		}
		return a.post(ctx, a.meetings, meeting(d))
	}
	return nil // an event that is not for us
}

type object = map[string]any

func reply(d events.ReplyReceivedData) object {
	text := cmp.Or(d.Message.Text, "(no text)")
	return message("Reply from "+name(d.Lead), "Open the conversation", events.Value(d.Conversation.URL),
		"*"+escape(name(d.Lead), 100)+"* replied on "+escape(string(d.Message.Channel), 50)+"\n"+escape(events.Value(d.Lead.Headline), 200),
		">"+strings.ReplaceAll(escape(text, 500), "\n", "\n>"))
}

func meeting(d events.MeetingBookedData) object {
	when := "at a time that the calendar does not tell"
	if t := d.Meeting.Start; !t.IsZero() { // Slack shows everybody their own time
		when = fmt.Sprintf("<!date^%d^{date_long_pretty} at {time}|%s>", t.Unix(), t.UTC().Format("2 January 2006 15:04 UTC"))
	}
	return message("Meeting with "+name(d.Lead), "Join", events.Value(d.Meeting.JoinURL),
		"*"+escape(name(d.Lead), 100)+"* booked a meeting\n"+escape(events.Value(d.Lead.Headline), 200),
		escape(events.Value(d.Meeting.Title), 200)+"\n"+when)
}

// message is a post: text is what notifications show, the sections what the
// channel shows, with a button below if there is an address to go to.
func message(text, button, address string, sections ...string) object {
	var blocks []object
	for _, s := range sections {
		blocks = append(blocks, object{"type": "section", "text": object{"type": "mrkdwn", "text": s}})
	}
	if address != "" && len(address) <= 3000 {
		blocks = append(blocks, object{"type": "actions", "elements": []object{
			{"type": "button", "text": object{"type": "plain_text", "text": button}, "url": address},
		}})
	}
	return object{"text": escape(text, 200), "blocks": blocks}
}

func name(l events.Lead) string { return cmp.Or(events.Value(l.Name), events.Value(l.Username), l.ID) }

// escape makes text of others harmless in Slack's mark-up, which would let it
// call a whole channel or hide an address, and cuts it after n characters: a
// section has room for 3,000, and one can become five.
func escape(s string, n int) string {
	if r := []rune(s); len(r) > n {
		s = string(r[:n-1]) + "…"
	}
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace(s)
}

// post posts, once more if Slack says that this is too fast. Any other answer
// than ok is an error, and the event comes again.
func (a *alerts) post(ctx context.Context, hook string, m object) error {
	body, err := json.Marshal(m)
	if err != nil {
		return err
	}
	for try := 1; ; try++ {
		req, err := http.NewRequestWithContext(ctx, "POST", hook, bytes.NewReader(body))
		if err != nil {
			return err
		}
		req.Header.Set("Content-Type", "application/json")
		res, err := a.client.Do(req)
		if err != nil {
			var u *url.Error // it would show the URL
			if errors.As(err, &u) {
				err = u.Err
			}
			return fmt.Errorf("posting to Slack: %w", err)
		}
		answer, _ := io.ReadAll(io.LimitReader(res.Body, 1000))
		_ = res.Body.Close()
		if res.StatusCode == http.StatusOK {
			return nil
		}
		seconds, _ := strconv.Atoi(res.Header.Get("Retry-After"))
		if res.StatusCode != http.StatusTooManyRequests || seconds < 1 || seconds > 5 || try == 3 {
			return fmt.Errorf("posting to Slack: answered %d: %s", res.StatusCode, answer)
		}
		select {
		case <-time.After(time.Duration(seconds) * time.Second):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
