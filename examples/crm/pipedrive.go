package main

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

// pipedrive is a company's Pipedrive, by an API token. scoreField is the key of
// a custom field of persons that is a number, 40 characters that Pipedrive shows
// among its data fields; leave it empty to go without.
type pipedrive struct {
	api
	scoreField string
}

func newPipedrive(client *http.Client, url, token, scoreField string) CRM {
	return &pipedrive{api{url: url, client: client, header: http.Header{"X-Api-Token": {token}}}, scoreField}
}

// Upsert looks for the address: Pipedrive has no upsert.
func (p *pipedrive) Upsert(ctx context.Context, c Contact) (string, error) {
	var found struct {
		Data struct {
			Items []struct{ Item struct{ ID int } }
		}
	}
	query := url.Values{"term": {c.Email}, "fields": {"email"}, "exact_match": {"true"}}
	if err := p.call(ctx, "GET", "/api/v2/persons/search?"+query.Encode(), nil, &found); err != nil {
		return "", err
	}
	person := map[string]any{}
	if c.LastName != "" {
		person["name"] = strings.TrimSpace(c.FirstName + " " + c.LastName)
	}
	if c.Score != nil && p.scoreField != "" {
		person["custom_fields"] = map[string]any{p.scoreField: *c.Score}
	}
	if items := found.Data.Items; len(items) > 0 { // without emails, which would replace those that are there
		id := strconv.Itoa(items[0].Item.ID)
		if len(person) == 0 {
			return id, nil
		}
		return id, p.call(ctx, "PATCH", "/api/v2/persons/"+id, person, nil)
	}
	if c.LastName == "" {
		person["name"] = c.Email // a new person must have one
	}
	person["emails"] = []any{map[string]any{"value": c.Email, "primary": true, "label": "work"}}
	var created struct{ Data struct{ ID int } }
	err := p.call(ctx, "POST", "/api/v2/persons", person, &created)
	return strconv.Itoa(created.Data.ID), err
}

// Book looks whether the meeting is there, by a note with its ID.
func (p *pipedrive) Book(ctx context.Context, contact string, m Meeting) error {
	note := "AutoReach meeting " + m.ID
	var found struct{ Data []struct{ Note string } }
	if err := p.call(ctx, "GET", "/api/v2/activities?person_id="+contact+"&sort_by=add_time&sort_direction=desc&limit=500", nil, &found); err != nil {
		return err
	}
	for _, a := range found.Data {
		if a.Note == note {
			return nil
		}
	}
	id, err := strconv.Atoi(contact)
	if err != nil {
		return err
	}
	start, minutes := m.Start.UTC(), int(m.End.Sub(m.Start).Minutes())
	return p.call(ctx, "POST", "/api/v2/activities", map[string]any{
		"subject": m.Title, "type": "meeting", "note": note, "public_description": m.JoinURL,
		"due_date": start.Format("2006-01-02"), "due_time": start.Format("15:04"),
		"duration":     fmt.Sprintf("%02d:%02d", minutes/60, minutes%60),
		"participants": []any{map[string]any{"person_id": id, "primary": true}},
	}, nil)
}
