package standin

import (
	"fmt"
	"net/http"
	"strings"
	"time"
	"unicode/utf8"
)

// A Salesforce is the part of Salesforce's REST API that upserts a record by an
// external ID.
type Salesforce struct {
	API
	Token string

	records map[string]map[string]object // by object, by external ID
	ids     map[string]string            // object of each id
}

// The fields that exist, with their lengths, and those that an organisation adds
// for the example. external names the field that is an external ID.
var salesforceObjects = map[string]struct {
	external string
	lengths  map[string]int
	required []string
}{
	"Contact": {"AutoReach_Lead_Id__c",
		map[string]int{"LastName": 80, "FirstName": 40, "Email": 80, "Title": 128, "AutoReach_Score__c": 0},
		[]string{"LastName"}},
	"Event": {"AutoReach_Meeting_Id__c",
		map[string]int{"Subject": 255, "StartDateTime": 0, "EndDateTime": 0, "WhoId": 18, "Location": 255},
		[]string{"StartDateTime", "EndDateTime"}},
}

// NewSalesforce starts it. Close it.
func NewSalesforce() *Salesforce {
	s := &Salesforce{Token: "00D-local-salesforce", records: map[string]map[string]object{"Contact": {}, "Event": {}}, ids: map[string]string{}}
	mux := http.NewServeMux()
	mux.HandleFunc("PATCH /services/data/{version}/sobjects/{object}/{field}/{value}", s.upsert)
	s.start(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer "+s.Token {
			s.refuse(w, http.StatusUnauthorized, "INVALID_SESSION_ID", "Session expired or invalid")
			return
		}
		mux.ServeHTTP(w, r)
	}), func(w http.ResponseWriter, _ *http.Request) {
		s.refuse(w, http.StatusForbidden, "REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.")
	})
	return s
}

// Contacts returns all contacts.
func (s *Salesforce) Contacts() []map[string]any { return s.all("Contact") }

// Events returns all events of the calendar.
func (s *Salesforce) Events() []map[string]any { return s.all("Event") }

func (s *Salesforce) all(object string) []map[string]any {
	s.mu.Lock()
	defer s.mu.Unlock()
	return list(s.records[object])
}

func (*Salesforce) refuse(w http.ResponseWriter, status int, code, message string, fields ...string) {
	reply(w, status, []object{{"message": message, "errorCode": code, "fields": fields}})
}

func (s *Salesforce) upsert(w http.ResponseWriter, r *http.Request) {
	object, field, value := r.PathValue("object"), r.PathValue("field"), r.PathValue("value")
	kind, known := salesforceObjects[object]
	if !known || !strings.HasPrefix(r.PathValue("version"), "v") {
		s.refuse(w, http.StatusNotFound, "NOT_FOUND", "The requested resource does not exist")
		return
	}
	if field != kind.external {
		s.refuse(w, http.StatusNotFound, "NOT_FOUND", "Provided external ID field does not exist or is not accessible: "+field)
		return
	}
	var body map[string]any
	if !read(r, &body) {
		s.refuse(w, http.StatusBadRequest, "JSON_PARSER_ERROR", "The body is no JSON object")
		return
	}
	for name, v := range body {
		length, exists := kind.lengths[name]
		switch {
		case name == "Id" || name == kind.external:
			s.refuse(w, http.StatusBadRequest, "INVALID_FIELD", "The "+name+" field should not be specified in the sobject data.", name)
			return
		case !exists:
			s.refuse(w, http.StatusBadRequest, "INVALID_FIELD", fmt.Sprintf("No such column '%s' on sobject of type %s", name, object))
			return
		case length > 0 && utf8.RuneCountInString(text(body, name)) > length:
			s.refuse(w, http.StatusBadRequest, "STRING_TOO_LONG", fmt.Sprintf("%s: data value too large (max length=%d)", name, length), name)
			return
		}
		if email, _ := v.(string); name == "Email" && !address(email) {
			s.refuse(w, http.StatusBadRequest, "INVALID_EMAIL_ADDRESS", "Email: invalid email address: "+email, name)
			return
		}
	}
	old, exists := s.records[object][value]
	merged := merge(old, body)
	for _, name := range kind.required {
		if text(merged, name) == "" {
			s.refuse(w, http.StatusBadRequest, "REQUIRED_FIELD_MISSING", "Required fields are missing: ["+name+"]", name)
			return
		}
	}
	if object == "Event" && !s.event(w, merged) {
		return
	}
	if !exists {
		id := fmt.Sprintf("%s%015d", map[string]string{"Contact": "003", "Event": "00U"}[object], len(s.ids)+1)
		s.ids[id] = object
		merged["Id"], merged[kind.external] = id, value
	}
	s.records[object][value] = merged
	status := map[bool]int{false: http.StatusCreated, true: http.StatusOK}[exists]
	reply(w, status, map[string]any{"id": merged["Id"], "success": true, "errors": []string{}, "created": !exists})
}

// event checks what is particular to an Event.
func (s *Salesforce) event(w http.ResponseWriter, e object) bool {
	start, err1 := time.Parse(time.RFC3339, text(e, "StartDateTime"))
	end, err2 := time.Parse(time.RFC3339, text(e, "EndDateTime"))
	switch who := text(e, "WhoId"); {
	case err1 != nil || err2 != nil:
		s.refuse(w, http.StatusBadRequest, "JSON_PARSER_ERROR", "Cannot deserialize instance of datetime")
	case end.Before(start):
		s.refuse(w, http.StatusBadRequest, "FIELD_INTEGRITY_EXCEPTION", "The end must not be before the start", "EndDateTime")
	case who != "" && s.ids[who] != "Contact":
		s.refuse(w, http.StatusBadRequest, "MALFORMED_ID", "Name ID: id value of incorrect type: "+who, "WhoId")
	default:
		return true
	}
	return false
}
