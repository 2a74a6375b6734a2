package standin

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A HubSpot is the part of HubSpot's API that keeps contacts and meetings:
// objects of version 3, associations of version 4.
type HubSpot struct {
	API
	Token string

	contacts, meetings map[string]object // by id: the properties
	meetingOf          map[string]string // contact id, by meeting id
}

// The properties that exist, with those that an account adds for the example.
var (
	hubspotContact = []string{"email", "firstname", "lastname", "company", "jobtitle", "autoreach_score"}
	hubspotMeeting = []string{"hs_timestamp", "hs_meeting_title", "hs_meeting_start_time", "hs_meeting_end_time",
		"hs_meeting_location", "hs_meeting_outcome", "autoreach_meeting_id"}
)

// NewHubSpot starts it. Close it.
func NewHubSpot() *HubSpot {
	h := &HubSpot{Token: "pat-local-hubspot", contacts: map[string]object{}, meetings: map[string]object{}, meetingOf: map[string]string{}}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /crm/v3/objects/contacts", h.create)
	mux.HandleFunc("PATCH /crm/v3/objects/contacts/{id}", h.update)
	mux.HandleFunc("POST /crm/v3/objects/meetings/batch/upsert", h.upsertMeetings)
	mux.HandleFunc("PUT /crm/v4/objects/meetings/{meeting}/associations/default/contacts/{contact}", h.associate)
	h.start(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer "+h.Token {
			h.refuse(w, http.StatusUnauthorized, "INVALID_AUTHENTICATION", "Authentication credentials not found.")
			return
		}
		mux.ServeHTTP(w, r)
	}), func(w http.ResponseWriter, _ *http.Request) {
		reply(w, http.StatusTooManyRequests, object{"status": "error", "message": "You have reached your ten_secondly_rolling limit.",
			"errorType": "RATE_LIMIT", "correlationId": "c-1", "policyName": "TEN_SECONDLY_ROLLING"})
	})
	return h
}

// Contacts returns the properties of all contacts.
func (h *HubSpot) Contacts() []map[string]any {
	h.mu.Lock()
	defer h.mu.Unlock()
	return list(h.contacts)
}

// Meetings returns the properties of all meetings that belong to a contact.
func (h *HubSpot) Meetings() []map[string]any {
	h.mu.Lock()
	defer h.mu.Unlock()
	kept := maps.Clone(h.meetings)
	maps.DeleteFunc(kept, func(id string, _ object) bool { return h.meetingOf[id] == "" })
	return list(kept)
}

func (*HubSpot) refuse(w http.ResponseWriter, status int, category, message string) {
	reply(w, status, object{"status": "error", "message": message, "correlationId": "c-1", "category": category})
}

// properties checks the properties of an object.
func (h *HubSpot) properties(w http.ResponseWriter, p object, known []string) bool {
	if p == nil {
		h.refuse(w, http.StatusBadRequest, "VALIDATION_ERROR", "Invalid input JSON: properties is required")
		return false
	}
	for name, value := range p {
		if _, ok := value.(string); !ok {
			h.refuse(w, http.StatusBadRequest, "VALIDATION_ERROR", "Invalid input JSON: the value of "+name+" is no string")
			return false
		}
		if !slices.Contains(known, name) {
			h.refuse(w, http.StatusBadRequest, "VALIDATION_ERROR", fmt.Sprintf("Property %q does not exist", name))
			return false
		}
	}
	if email := text(p, "email"); email != "" && !address(email) {
		h.refuse(w, http.StatusBadRequest, "VALIDATION_ERROR", "Email address "+email+" is invalid")
		return false
	}
	if score := text(p, "autoreach_score"); score != "" {
		if _, err := strconv.ParseFloat(score, 64); err != nil {
			h.refuse(w, http.StatusBadRequest, "VALIDATION_ERROR", score+" was not a valid number.")
			return false
		}
	}
	return true
}

func (h *HubSpot) byEmail(email string) (id string) {
	for id, p := range h.contacts {
		if strings.EqualFold(text(p, "email"), email) {
			return id
		}
	}
	return ""
}

func (h *HubSpot) create(w http.ResponseWriter, r *http.Request) {
	var body struct{ Properties object }
	if _ = read(r, &body); !h.properties(w, body.Properties, hubspotContact) {
		return
	}
	p := body.Properties
	if text(p, "email")+text(p, "firstname")+text(p, "lastname") == "" {
		h.refuse(w, http.StatusBadRequest, "VALIDATION_ERROR", "One of email, firstname and lastname is required")
		return
	}
	if id := h.byEmail(text(p, "email")); text(p, "email") != "" && id != "" {
		h.refuse(w, http.StatusConflict, "CONFLICT", "Contact already exists. Existing ID: "+id)
		return
	}
	id := strconv.Itoa(101 + len(h.contacts))
	h.contacts[id] = p
	reply(w, http.StatusCreated, object{"id": id, "properties": p, "archived": false})
}

func (h *HubSpot) update(w http.ResponseWriter, r *http.Request) {
	id := r.PathValue("id")
	switch by := r.URL.Query().Get("idProperty"); by {
	case "":
	case "email":
		id = h.byEmail(id)
	default:
		h.refuse(w, http.StatusBadRequest, "VALIDATION_ERROR", by+" is not a unique property")
		return
	}
	old, found := h.contacts[id]
	if !found {
		h.refuse(w, http.StatusNotFound, "OBJECT_NOT_FOUND", "resource not found")
		return
	}
	var body struct{ Properties object }
	if _ = read(r, &body); !h.properties(w, body.Properties, hubspotContact) {
		return
	}
	h.contacts[id] = merge(old, body.Properties)
	reply(w, http.StatusOK, object{"id": id, "properties": h.contacts[id], "archived": false})
}

func (h *HubSpot) upsertMeetings(w http.ResponseWriter, r *http.Request) {
	var body struct {
		Inputs []struct {
			ID, IDProperty string
			Properties     object
		}
	}
	if !read(r, &body) || len(body.Inputs) == 0 || len(body.Inputs) > 100 {
		h.refuse(w, http.StatusBadRequest, "VALIDATION_ERROR", "inputs must have 1 to 100 entries")
		return
	}
	var results []object
	for _, in := range body.Inputs {
		if in.ID == "" || in.IDProperty != "autoreach_meeting_id" {
			h.refuse(w, http.StatusBadRequest, "VALIDATION_ERROR", "id and the idProperty of a unique property are required")
			return
		}
		if !h.properties(w, in.Properties, hubspotMeeting) {
			return
		}
		if _, err := time.Parse(time.RFC3339, text(in.Properties, "hs_timestamp")); err != nil {
			h.refuse(w, http.StatusBadRequest, "VALIDATION_ERROR", "hs_timestamp is required")
			return
		}
		id := "m" + in.ID
		_, known := h.meetings[id]
		h.meetings[id] = merge(merge(h.meetings[id], in.Properties), object{in.IDProperty: in.ID})
		results = append(results, object{"id": id, "new": !known, "properties": h.meetings[id]})
	}
	reply(w, http.StatusOK, object{"status": "COMPLETE", "results": results})
}

func (h *HubSpot) associate(w http.ResponseWriter, r *http.Request) {
	meeting, contact := r.PathValue("meeting"), r.PathValue("contact")
	if h.meetings[meeting] == nil || h.contacts[contact] == nil {
		h.refuse(w, http.StatusNotFound, "OBJECT_NOT_FOUND", "resource not found")
		return
	}
	h.meetingOf[meeting] = contact
	reply(w, http.StatusOK, object{"status": "COMPLETE"})
}
