package standin

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
)

// A step is a request to a stand-in, and what it must answer.
type step struct {
	method, path, body string
	status             int
	answer             string // a part of it
}

func play(t *testing.T, url string, header http.Header, steps []step) {
	t.Helper()
	for _, s := range steps {
		req, err := http.NewRequest(s.method, url+s.path, strings.NewReader(s.body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header = header.Clone()
		if s.body != "" {
			req.Header.Set("Content-Type", "application/json")
		}
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		answer, err := io.ReadAll(res.Body)
		_ = res.Body.Close()
		if err != nil || res.StatusCode != s.status || !strings.Contains(string(answer), s.answer) {
			t.Errorf("%s %s %.120s: %d %s %v, want %d %s", s.method, s.path, s.body, res.StatusCode, answer, err, s.status, s.answer)
		}
	}
}

func TestHubSpot(t *testing.T) {
	h := NewHubSpot()
	defer h.Close()
	const contacts, meetings = "/crm/v3/objects/contacts", "/crm/v3/objects/meetings/batch/upsert"
	play(t, h.URL, http.Header{}, []step{{"POST", contacts, `{}`, 401, "INVALID_AUTHENTICATION"}})
	h.Exhaust(1)
	play(t, h.URL, http.Header{"Authorization": {"Bearer " + h.Token}}, []step{
		{"POST", contacts, `{}`, 429, `"policyName":"TEN_SECONDLY_ROLLING"`},
		{"POST", contacts, `{`, 400, "VALIDATION_ERROR"},
		{"POST", contacts, `{"properties":{"company":"x"}}`, 400, "required"},
		{"POST", contacts, `{"properties":{"email":"at home"}}`, 400, "invalid"},
		{"POST", contacts, `{"properties":{"email":"a@b.example","score":"1"}}`, 400, "does not exist"},
		{"POST", contacts, `{"properties":{"email":"a@b.example","autoreach_score":1}}`, 400, "no string"},
		{"POST", contacts, `{"properties":{"email":"a@b.example","autoreach_score":"high"}}`, 400, "number"},
		{"PATCH", contacts + "/a@b.example?idProperty=email", `{"properties":{"lastname":"B"}}`, 404, "OBJECT_NOT_FOUND"},
		{"POST", contacts, `{"properties":{"email":"a@b.example"}}`, 201, `"id":"101"`},
		{"POST", contacts, `{"properties":{"email":"A@b.example"}}`, 409, "Existing ID: 101"},
		{"PATCH", contacts + "/A@b.example?idProperty=email", `{"properties":{"lastname":"B"}}`, 200, `"id":"101"`},
		{"PATCH", contacts + "/a@b.example?idProperty=lastname", `{"properties":{}}`, 400, "unique"},
		{"POST", meetings, `{"inputs":[]}`, 400, "1 to 100"},
		{"POST", meetings, `{"inputs":[{"id":"m","idProperty":"hs_meeting_title","properties":{}}]}`, 400, "unique"},
		{"POST", meetings, `{"inputs":[{"id":"m","idProperty":"autoreach_meeting_id","properties":{}}]}`, 400, "hs_timestamp"},
		{"POST", meetings, `{"inputs":[{"id":"m","idProperty":"autoreach_meeting_id","properties":{"hs_timestamp":"2026-11-25T14:00:00Z"}}]}`, 200, `"new":true`},
		{"PUT", "/crm/v4/objects/meetings/mm/associations/default/contacts/999", "", 404, "OBJECT_NOT_FOUND"},
		{"PUT", "/crm/v4/objects/meetings/mm/associations/default/contacts/101", "", 200, "COMPLETE"},
	})
	if c := h.Contacts(); len(c) != 1 || c[0]["lastname"] != "B" || len(h.Meetings()) != 1 {
		t.Errorf("contacts %v, meetings %v", c, h.Meetings())
	}
}

func TestSalesforce(t *testing.T) {
	s := NewSalesforce()
	defer s.Close()
	const contact, event = "/services/data/v62.0/sobjects/Contact/AutoReach_Lead_Id__c/l1", "/services/data/v62.0/sobjects/Event/AutoReach_Meeting_Id__c/m1"
	play(t, s.URL, http.Header{}, []step{{"PATCH", contact, `{}`, 401, "INVALID_SESSION_ID"}})
	s.Exhaust(1)
	play(t, s.URL, http.Header{"Authorization": {"Bearer " + s.Token}}, []step{
		{"PATCH", contact, `{}`, 403, "REQUEST_LIMIT_EXCEEDED"},
		{"PATCH", contact, `{`, 400, "JSON_PARSER_ERROR"},
		{"PATCH", "/services/data/v62.0/sobjects/Person/X__c/l1", `{}`, 404, "NOT_FOUND"},
		{"PATCH", "/services/data/v62.0/sobjects/Contact/Email/a@b.example", `{}`, 404, "external ID"},
		{"PATCH", contact, `{"Email":"a@b.example"}`, 400, "Required fields are missing: [LastName]"},
		{"PATCH", contact, `{"LastName":"B","AutoReach_Lead_Id__c":"l1"}`, 400, "should not be specified"},
		{"PATCH", contact, `{"LastName":"B","Score":1}`, 400, "No such column 'Score'"},
		{"PATCH", contact, `{"LastName":"` + strings.Repeat("é", 81) + `"}`, 400, "STRING_TOO_LONG"},
		{"PATCH", contact, `{"LastName":"B","Email":"at home"}`, 400, "INVALID_EMAIL_ADDRESS"},
		{"PATCH", contact, `{"LastName":"` + strings.Repeat("é", 80) + `"}`, 201, `"created":true`},
		{"PATCH", contact, `{"Email":"a@b.example"}`, 200, `"created":false`},
		{"PATCH", event, `{"Subject":"x"}`, 400, "REQUIRED_FIELD_MISSING"},
		{"PATCH", event, `{"StartDateTime":"2026-11-25T14:00:00Z","EndDateTime":"2026-11-25T13:00:00Z"}`, 400, "FIELD_INTEGRITY_EXCEPTION"},
		{"PATCH", event, `{"StartDateTime":"2026-11-25T14:00:00Z","EndDateTime":"2026-11-25T15:00:00Z","WhoId":"003"}`, 400, "MALFORMED_ID"},
		{"PATCH", event, `{"StartDateTime":"2026-11-25T14:00:00Z","EndDateTime":"2026-11-25T15:00:00Z","WhoId":"003000000000000001"}`, 201, "00U"},
	})
	if len(s.Contacts()) != 1 || len(s.Events()) != 1 {
		t.Errorf("contacts %v, events %v", s.Contacts(), s.Events())
	}
}

func TestPipedrive(t *testing.T) {
	p := NewPipedrive()
	defer p.Close()
	const persons, activities = "/api/v2/persons", "/api/v2/activities"
	activity := func(change string) string {
		return `{"subject":"s","type":"meeting","due_date":"2026-11-25","due_time":"14:00","participants":[{"person_id":1,"primary":true}]` + change + `}`
	}
	play(t, p.URL, http.Header{}, []step{{"GET", persons + "/search?term=ab", "", 401, "unauthorized"}})
	p.Exhaust(1)
	play(t, p.URL, http.Header{"X-Api-Token": {p.Token}}, []step{
		{"GET", persons + "/search?term=ab", "", 429, `"success":false`},
		{"GET", persons + "/search?term=a", "", 400, "2 characters"},
		{"GET", persons + "/search?term=a@b.example&fields=email&exact_match=true", "", 200, `"items":[]`},
		{"POST", persons, `{`, 400, "JSON"},
		{"POST", persons, `{"emails":[{"value":"a@b.example"}]}`, 400, "name is required"},
		{"POST", persons, `{"name":"A","email":"a@b.example"}`, 400, "'email' is not allowed"},
		{"POST", persons, `{"name":"A","emails":[{"value":"at home"}]}`, 400, "no address"},
		{"POST", persons, `{"name":"A","custom_fields":{"score":1}}`, 400, "does not exist"},
		{"POST", persons, `{"name":"A","emails":[{"value":"a@b.example","primary":true}],"custom_fields":{"` + p.ScoreField + `":87}}`, 201, `"id":1`},
		{"GET", persons + "/search?term=A@b.example&fields=email&exact_match=true", "", 200, `"id":1`},
		{"GET", persons + "/search?term=b.example&fields=email&exact_match=true", "", 200, `"items":[]`},
		{"PATCH", persons + "/2", `{"name":"B"}`, 404, "not found"},
		{"PATCH", persons + "/1", `{"name":"B"}`, 200, `"name":"B"`},
		{"POST", activities, activity(`,"person_id":1`), 400, "read-only"},
		{"POST", activities, strings.Replace(activity(""), `"person_id":1`, `"person_id":2`, 1), 400, "does not exist"},
		{"POST", activities, strings.Replace(activity(""), "14:00", "2 pm", 1), 400, "HH:MM"},
		{"POST", activities, strings.Replace(activity(""), `"subject":"s",`, "", 1), 400, "required"},
		{"POST", activities, activity(`,"duration":"00:30"`), 201, `"id":1`},
		{"GET", activities + "?person_id=1", "", 200, `"subject":"s"`},
		{"GET", activities + "?person_id=x", "", 400, "number"},
	})
	if len(p.Persons()) != 1 || p.Persons()[0]["emails"] == nil || len(p.Activities()) != 1 {
		t.Errorf("persons %v, activities %v", p.Persons(), p.Activities())
	}
}

func TestSlack(t *testing.T) {
	s := NewSlack()
	defer s.Close()
	hook := s.Hook("alerts")
	section := func(n int) any {
		return map[string]any{"type": "section", "text": map[string]any{"type": "mrkdwn", "text": strings.Repeat("é", n)}}
	}
	post := func(blocks ...any) string {
		b, err := json.Marshal(map[string]any{"text": "x", "blocks": blocks})
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	many := func(n int) (out []any) {
		for range n {
			out = append(out, map[string]any{"type": "divider"})
		}
		return out
	}
	button := func(text string) any {
		return map[string]any{"type": "actions", "elements": []any{map[string]any{
			"type": "button", "url": "https://example.com/", "text": map[string]any{"type": "plain_text", "text": text}}}}
	}
	play(t, s.URL, http.Header{}, []step{{"POST", "/services/T/B/none", `{"text":"x"}`, 404, "no_service"}})
	s.Exhaust(1)
	play(t, hook, http.Header{}, []step{
		{"POST", "", `{"text":"x"}`, 429, "rate_limited"},
		{"GET", "", "", 405, ""},
		{"POST", "", `{`, 400, "invalid_payload"},
		{"POST", "", `{"event":"lead.scored"}`, 400, "no_text"},
		{"POST", "", `{"text":"x","channel":"#general"}`, 403, "action_prohibited"},
		{"POST", "", post(section(3001)), 400, "invalid_blocks"},
		{"POST", "", post(section(0)), 400, "invalid_blocks"},
		{"POST", "", post(many(51)...), 400, "invalid_blocks"},
		{"POST", "", post(button(strings.Repeat("x", 76))), 400, "invalid_blocks"},
		{"POST", "", post(map[string]any{"type": "marquee"}), 400, "invalid_blocks"},
		{"POST", "", `{"text":"x","blocks":"y"}`, 400, "invalid_blocks"},
		{"POST", "", post(section(3000)), 200, "ok"},
		{"POST", "", post(many(50)...), 200, "ok"},
		{"POST", "", post(button("Open")), 200, "ok"},
		{"POST", "", `{"text":"x"}`, 200, "ok"},
	})
	s.Archive(hook)
	play(t, hook, http.Header{}, []step{{"POST", "", `{"text":"x"}`, 410, "channel_is_archived"}})
	if n := len(s.Posted(hook)); n != 4 {
		t.Errorf("%d posts, want 4", n)
	}
}

func TestInbox(t *testing.T) {
	i := NewInbox()
	defer i.Close()
	play(t, i.URL, http.Header{}, []step{{"POST", "/leads", `{}`, 401, "token"}})
	auth := http.Header{"Authorization": {"Bearer " + i.Token}}
	play(t, i.URL, auth, []step{{"POST", "/leads", `{"lead_id":"l","reason":"r"}`, 400, "Idempotency-Key"}})
	auth.Set("Idempotency-Key", "k")
	i.Exhaust(1)
	play(t, i.URL, auth, []step{
		{"POST", "/leads", `{}`, 429, "too many"},
		{"POST", "/leads", `{"lead_id":"l"}`, 422, "required"},
		{"POST", "/leads", `{"lead_id":"l","reason":"r"}`, 201, "taken"},
		{"POST", "/leads", `{"lead_id":"l","reason":"r"}`, 200, "known"},
	})
	if len(i.Leads()) != 1 || i.Repeated() != 1 {
		t.Errorf("%v, %d repetitions", i.Leads(), i.Repeated())
	}
}
