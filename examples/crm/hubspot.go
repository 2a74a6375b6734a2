package main

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// hubspot is HubSpot's CRM, by the token of a private app with the scopes
// crm.objects.contacts.read and crm.objects.contacts.write. Add two properties
// to it: autoreach_score of contacts, a number, and autoreach_meeting_id of
// meetings, a text whose values are unique (hasUniqueValue).
type hubspot struct{ api }

func newHubSpot(client *http.Client, url, token string) CRM {
	return &hubspot{api{url: url, client: client, header: http.Header{"Authorization": {"Bearer " + token}}}}
}

// Upsert updates by address and creates if there is nobody. The batch upsert
// does not take a part of the properties when it goes by address.
func (h *hubspot) Upsert(ctx context.Context, c Contact) (string, error) {
	p := map[string]string{"email": c.Email}
	for name, value := range map[string]string{"firstname": c.FirstName, "lastname": c.LastName, "company": c.Company, "jobtitle": c.JobTitle} {
		if value != "" { // an empty text clears a property
			p[name] = value
		}
	}
	if c.Score != nil {
		p["autoreach_score"] = strconv.Itoa(*c.Score)
	}
	body := map[string]any{"properties": p}
	var got struct{ ID string }
	err := h.call(ctx, "PATCH", "/crm/v3/objects/contacts/"+url.PathEscape(c.Email)+"?idProperty=email", body, &got)
	if refusedWith(err, http.StatusNotFound) {
		// 409 if somebody else was quicker: the next delivery updates.
		err = h.call(ctx, "POST", "/crm/v3/objects/contacts", body, &got)
	}
	return got.ID, err
}

func (h *hubspot) Book(ctx context.Context, contact string, m Meeting) error {
	var got struct {
		Results []struct{ ID string }
	}
	err := h.call(ctx, "POST", "/crm/v3/objects/meetings/batch/upsert", map[string]any{"inputs": []any{map[string]any{
		"id": m.ID, "idProperty": "autoreach_meeting_id",
		"properties": map[string]string{
			"hs_timestamp":          m.Start.Format(time.RFC3339),
			"hs_meeting_title":      m.Title,
			"hs_meeting_start_time": m.Start.Format(time.RFC3339),
			"hs_meeting_end_time":   m.End.Format(time.RFC3339),
			"hs_meeting_location":   m.JoinURL,
			"hs_meeting_outcome":    "SCHEDULED",
		},
	}}}, &got)
	if err == nil && len(got.Results) == 0 {
		err = errors.New("HubSpot returned no meeting")
	}
	if err != nil {
		return err
	}
	return h.call(ctx, "PUT", "/crm/v4/objects/meetings/"+got.Results[0].ID+"/associations/default/contacts/"+contact, nil, nil)
}
