package main

import (
	"context"
	"net/http"
	"net/url"
	"time"
)

// salesforce is an organisation of Salesforce, by an access token of a connected
// app. Add three fields to it: AutoReach_Lead_Id__c of Contact and
// AutoReach_Meeting_Id__c of Activity, texts that are external IDs and unique,
// and AutoReach_Score__c of Contact, a number.
type salesforce struct{ api }

func newSalesforce(client *http.Client, url, token string) CRM {
	return &salesforce{api{url: url, client: client, header: http.Header{"Authorization": {"Bearer " + token}}}}
}

// Upsert goes by the lead's ID, since the address of a contact is no external ID.
// A company is an Account of its own in Salesforce, and left out here.
func (s *salesforce) Upsert(ctx context.Context, c Contact) (string, error) {
	f := map[string]any{"Email": c.Email}
	if c.LastName != "" {
		f["LastName"] = cut(c.LastName, 80)
	}
	if c.FirstName != "" {
		f["FirstName"] = cut(c.FirstName, 40)
	}
	if c.JobTitle != "" {
		f["Title"] = cut(c.JobTitle, 128)
	}
	if c.Score != nil {
		f["AutoReach_Score__c"] = *c.Score
	}
	id, err := s.upsert(ctx, "Contact/AutoReach_Lead_Id__c", c.LeadID, f)
	if c.LastName == "" && refusedWith(err, http.StatusBadRequest) { // a new contact must have one
		f["LastName"] = cut(c.Email, 80)
		id, err = s.upsert(ctx, "Contact/AutoReach_Lead_Id__c", c.LeadID, f)
	}
	return id, err
}

func (s *salesforce) Book(ctx context.Context, contact string, m Meeting) error {
	_, err := s.upsert(ctx, "Event/AutoReach_Meeting_Id__c", m.ID, map[string]any{
		"Subject":       cut(m.Title, 255),
		"StartDateTime": m.Start.Format(time.RFC3339),
		"EndDateTime":   m.End.Format(time.RFC3339),
		"Location":      cut(m.JoinURL, 255),
		"WhoId":         contact,
	})
	return err
}

// upsert writes a record by its external ID, which must not be in the fields.
func (s *salesforce) upsert(ctx context.Context, by, id string, fields map[string]any) (string, error) {
	var got struct{ ID string }
	err := s.call(ctx, "PATCH", "/services/data/v62.0/sobjects/"+by+"/"+url.PathEscape(id), fields, &got)
	return got.ID, err
}

// cut keeps a text within the length of a field: a longer one is refused.
func cut(s string, n int) string {
	if r := []rune(s); len(r) > n {
		return string(r[:n])
	}
	return s
}
