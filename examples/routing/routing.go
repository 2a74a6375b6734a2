package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"time"
	"unicode"

	"github.com/autoreach/webhook/events"
	"github.com/autoreach/webhook/verify"
)

// This file is the part to copy.

// A Rule sends leads to somebody. Every condition that is set must hold.
type Rule struct {
	Location []string // one of these words stands in the lead's location, or in that of its company's head office
	Industry []string // one of these words stands in the company's industry
	MinScore int      // a lead that is not scored yet has no score, not 0
	To       string   // a member of the team
}

// rules is the table: the first rule that fits counts, so the order matters, and
// the last one, without conditions, is for everybody else.
var rules = []Rule{
	{MinScore: 90, To: "ana"},
	{Location: []string{"Portugal", "Spain", "Brazil"}, Industry: []string{"Software"}, To: "bruno"},
	{Location: []string{"Portugal", "Spain"}, To: "carla"},
	{Industry: []string{"Hospital", "Health"}, MinScore: 50, To: "dev"},
	{To: "queue"},
}

// A Member is where somebody's leads go: an address that takes them as JSON, such
// as a tool's or another receiver of yours.
type Member struct{ URL, Token string }

// route returns the first rule that fits, and why, in words.
func route(rules []Rule, d events.LeadCreatedData) (r Rule, reason string, ok bool) {
	score := d.Score.Overall
	company := d.Enrichment.Company
	for _, r := range rules {
		var why []string
		if len(r.Location) > 0 {
			word := find(r.Location, d.Lead.Location, company.Headquarters)
			if word == "" {
				continue
			}
			why = append(why, "location "+word)
		}
		if len(r.Industry) > 0 {
			word := find(r.Industry, company.Industry)
			if word == "" {
				continue
			}
			why = append(why, "industry "+word)
		}
		if r.MinScore > 0 {
			if score == nil || *score < r.MinScore {
				continue
			}
			why = append(why, fmt.Sprintf("score %d", *score))
		}
		return r, cmp.Or(strings.Join(why, ", "), "no other rule fits"), true
	}
	return Rule{}, "", false
}

// find returns the first of the words that stands in one of the texts, as a whole
// word: Oman is not in Romania. Locations are as the lead wrote them.
func find(words []string, texts ...*string) string {
	for _, w := range words {
		for _, t := range texts {
			if strings.Contains(plain(events.Value(t)), plain(w)) {
				return w
			}
		}
	}
	return ""
}

// plain is a text as words in small letters, with a space around each.
func plain(s string) string {
	words := strings.FieldsFunc(strings.ToLower(s), func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
	return " " + strings.Join(words, " ") + " "
}

// A router hands every new lead to a member of the team.
type router struct {
	rules   []Rule
	members map[string]Member
	client  *http.Client
	log     *slog.Logger
}

// newReceiver returns the handler of the webhook Lead Created. What is handled
// twice arrives once: webhook-id goes along as the key by which the member's
// side recognises a repetition, and the rules give the same event to the same
// member. So ids that are kept in memory are enough here.
func newReceiver(secret string, r *router) (http.Handler, error) {
	for _, rule := range r.rules {
		if r.members[rule.To].URL == "" {
			return nil, fmt.Errorf("there is a rule for %s, and no address", rule.To)
		}
	}
	v, err := verify.New(secret, &verify.Options{Scheme: verify.ReplayProtected, Once: &verify.MemoryOnce{}, Logger: r.log})
	if err != nil {
		return nil, err
	}
	return v.Handler(r.handle), nil
}

func (r *router) handle(ctx context.Context, m verify.Message) error {
	if m.Test || m.Event != events.LeadCreated { // Send Test Payload is not about anybody
		return nil
	}
	var d events.LeadCreatedData
	if err := json.Unmarshal(m.Data, &d); err != nil {
		return err
	}
	rule, reason, ok := route(r.rules, d)
	if !ok {
		r.log.Warn("no rule fits: add one without conditions at the end", "lead", d.Lead.ID)
		return nil
	}
	return r.hand(ctx, m.ID, rule.To, map[string]any{
		"lead_id": d.Lead.ID, "name": d.Lead.Name, "email": d.Lead.Email, "score": d.Score.Overall,
		"linkedin_url": d.Lead.LinkedInURL, "reason": reason,
	})
}

// hand gives a lead to a member.
func (r *router) hand(ctx context.Context, key, to string, lead map[string]any) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second) // the sender waits for 15
	defer cancel()
	body, err := json.Marshal(lead)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, "POST", r.members[to].URL, bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header = http.Header{"Content-Type": {"application/json"}, "Idempotency-Key": {key}, "Authorization": {"Bearer " + r.members[to].Token}}
	res, err := r.client.Do(req)
	if err != nil {
		return fmt.Errorf("%s: %w", to, err)
	}
	defer res.Body.Close()
	if res.StatusCode/100 != 2 { // answered 500, and AutoReach sends it again
		text, _ := io.ReadAll(io.LimitReader(res.Body, 300))
		return fmt.Errorf("%s answered %d: %s", to, res.StatusCode, text)
	}
	return nil
}
