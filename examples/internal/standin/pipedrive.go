package standin

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// A Pipedrive is the part of version 2 of Pipedrive's API that keeps persons and
// activities.
type Pipedrive struct {
	API
	Token      string
	ScoreField string // the key of a custom field of persons, a number

	persons, activities map[int]object
}

// NewPipedrive starts it. Close it.
func NewPipedrive() *Pipedrive {
	p := &Pipedrive{Token: "local-pipedrive", ScoreField: strings.Repeat("5c", 20), persons: map[int]object{}, activities: map[int]object{}}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /api/v2/persons/search", p.search)
	mux.HandleFunc("POST /api/v2/persons", p.createPerson)
	mux.HandleFunc("PATCH /api/v2/persons/{id}", p.updatePerson)
	mux.HandleFunc("GET /api/v2/activities", p.listActivities)
	mux.HandleFunc("POST /api/v2/activities", p.createActivity)
	p.start(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("x-api-token") != p.Token {
			p.refuse(w, http.StatusUnauthorized, "unauthorized access")
			return
		}
		mux.ServeHTTP(w, r)
	}), func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", "1")
		w.Header().Set("x-ratelimit-remaining", "0")
		w.Header().Set("x-ratelimit-reset", "1")
		p.refuse(w, http.StatusTooManyRequests, "Rate limit exceeded")
	})
	return p
}

// Persons returns all persons.
func (p *Pipedrive) Persons() []map[string]any {
	p.mu.Lock()
	defer p.mu.Unlock()
	return list(p.persons)
}

// Activities returns all activities.
func (p *Pipedrive) Activities() []map[string]any {
	p.mu.Lock()
	defer p.mu.Unlock()
	return list(p.activities)
}

func (*Pipedrive) refuse(w http.ResponseWriter, status int, message string) {
	reply(w, status, object{"success": false, "error": message, "code": "ERR_" + strings.ToUpper(strings.ReplaceAll(http.StatusText(status), " ", "_"))})
}

func emails(person object) (out []string) {
	values, _ := person["emails"].([]any)
	for _, v := range values {
		if e, ok := v.(object); ok {
			out = append(out, text(e, "value"))
		}
	}
	return out
}

func (p *Pipedrive) search(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	term, exact := q.Get("term"), q.Get("exact_match") == "true"
	if n := utf8.RuneCountInString(term); n < 1 || n < 2 && !exact {
		p.refuse(w, http.StatusBadRequest, "term: at least 2 characters, or 1 with exact_match")
		return
	}
	items := []object{}
	for id, person := range p.persons {
		for _, e := range emails(person) {
			if !slices.Contains(strings.Split(q.Get("fields"), ","), "email") {
				break
			}
			if strings.EqualFold(e, term) || !exact && strings.Contains(strings.ToLower(e), strings.ToLower(term)) {
				items = append(items, object{"result_score": 1, "item": object{"id": id, "type": "person", "name": person["name"], "emails": emails(person)}})
				break
			}
		}
	}
	reply(w, http.StatusOK, object{"success": true, "data": object{"items": items}})
}

// person checks the body of a request about a person.
func (p *Pipedrive) person(w http.ResponseWriter, r *http.Request) (body object, ok bool) {
	if !read(r, &body) {
		p.refuse(w, http.StatusBadRequest, "the body is no JSON object")
		return nil, false
	}
	for name := range body {
		if !slices.Contains([]string{"name", "emails", "phones", "org_id", "owner_id", "label_ids", "visible_to", "custom_fields"}, name) {
			p.refuse(w, http.StatusBadRequest, "Parameter '"+name+"' is not allowed") // such as the email of version 1
			return nil, false
		}
	}
	custom, _ := body["custom_fields"].(object)
	for key, value := range custom {
		if _, number := value.(float64); key != p.ScoreField || !number && value != nil {
			p.refuse(w, http.StatusBadRequest, "custom_fields: "+key+" does not exist, or takes a number")
			return nil, false
		}
	}
	for _, e := range emails(body) {
		if !address(e) {
			p.refuse(w, http.StatusBadRequest, "emails: "+e+" is no address")
			return nil, false
		}
	}
	return body, true
}

func (p *Pipedrive) createPerson(w http.ResponseWriter, r *http.Request) {
	body, ok := p.person(w, r)
	if !ok {
		return
	}
	if text(body, "name") == "" {
		p.refuse(w, http.StatusBadRequest, "name is required")
		return
	}
	id := len(p.persons) + 1
	p.persons[id] = merge(body, object{"id": id})
	reply(w, http.StatusCreated, object{"success": true, "data": p.persons[id]})
}

func (p *Pipedrive) updatePerson(w http.ResponseWriter, r *http.Request) {
	id, _ := strconv.Atoi(r.PathValue("id"))
	if p.persons[id] == nil {
		p.refuse(w, http.StatusNotFound, "Person not found")
		return
	}
	body, ok := p.person(w, r)
	if !ok {
		return
	}
	p.persons[id] = merge(p.persons[id], body) // lists, such as emails, are replaced
	reply(w, http.StatusOK, object{"success": true, "data": p.persons[id]})
}

// participant returns the person whom an activity is with.
func participant(activity object) (id int) {
	all, _ := activity["participants"].([]any)
	for _, v := range all {
		if one, ok := v.(object); ok && one["primary"] == true {
			n, _ := one["person_id"].(float64)
			return int(n)
		}
	}
	return 0
}

func (p *Pipedrive) listActivities(w http.ResponseWriter, r *http.Request) {
	person, err := strconv.Atoi(r.URL.Query().Get("person_id"))
	if err != nil {
		p.refuse(w, http.StatusBadRequest, "person_id must be a number")
		return
	}
	out := []object{}
	for _, a := range p.activities {
		if participant(a) == person {
			out = append(out, a)
		}
	}
	reply(w, http.StatusOK, object{"success": true, "data": out, "additional_data": object{"next_cursor": nil}})
}

func (p *Pipedrive) createActivity(w http.ResponseWriter, r *http.Request) {
	var body object
	if !read(r, &body) {
		p.refuse(w, http.StatusBadRequest, "the body is no JSON object")
		return
	}
	_, err := time.Parse("2006-01-02 15:04", text(body, "due_date")+" "+text(body, "due_time"))
	_, err2 := time.Parse("15:04", text(body, "duration"))
	switch {
	case body["person_id"] != nil:
		p.refuse(w, http.StatusBadRequest, "'person_id' is a read-only field. Add a primary participant to set 'person_id' instead.")
	case text(body, "subject") == "" || text(body, "type") == "":
		p.refuse(w, http.StatusBadRequest, "subject and type are required")
	case p.persons[participant(body)] == nil:
		p.refuse(w, http.StatusBadRequest, "participants: the person does not exist")
	case err != nil || body["duration"] != nil && err2 != nil:
		p.refuse(w, http.StatusBadRequest, "due_date must be YYYY-MM-DD, due_time and duration HH:MM")
	default:
		id := len(p.activities) + 1
		p.activities[id] = merge(body, object{"id": id})
		reply(w, http.StatusCreated, object{"success": true, "data": p.activities[id]})
	}
}
