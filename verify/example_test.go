package verify_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/autoreach/webhook/events"
	"github.com/autoreach/webhook/verify"
	"github.com/autoreach/webhook/verify/verifytest"
)

// A receiver: the function runs for genuine requests only.
func Example() {
	secret := "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw" // os.Getenv("WEBHOOK_SECRET")

	v, err := verify.New(secret, &verify.Options{
		// Deliveries of this library carry two signatures. Without this line,
		// a captured request could be sent again at any time, with the headers
		// of the one that protects against it removed.
		Scheme: verify.ReplayProtected,
	})
	if err != nil {
		log.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("POST /hooks", v.Handler(func(ctx context.Context, m verify.Message) error {
		var lead struct {
			Name  string `json:"name"`
			Score int    `json:"score"`
		}
		if err := json.Unmarshal(m.Data, &lead); err != nil {
			return err
		}
		fmt.Println(m.Event, lead.Name, lead.Score)
		return nil
	}))

	// What the sender does:
	srv := httptest.NewServer(mux)
	defer srv.Close()
	body := []byte(`{"event":"lead.scored","timestamp":"2026-11-23T10:15:30.123Z","data":{"name":"Ada","score":87}}`)
	send := func(strip bool) {
		req, _ := http.NewRequest(http.MethodPost, srv.URL+"/hooks", nil)
		verifytest.Sign(req, secret, body, nil)
		if strip {
			for _, name := range []string{"webhook-id", "webhook-timestamp", "webhook-signature"} {
				req.Header.Del(name)
			}
		}
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			log.Fatal(err)
		}
		res.Body.Close()
		fmt.Println(res.StatusCode)
	}
	send(false)
	send(true) // an attacker, with X-Webhook-Signature alone
	// Output:
	// lead.scored Ada 87
	// 204
	// 401
}

// A body and the value of its X-Webhook-Signature header, from wherever they
// came.
func ExampleVerifier_Verify() {
	v, err := verify.New("It's a Secret to Everybody", nil)
	if err != nil {
		log.Fatal(err)
	}
	signature := "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"

	fmt.Println(v.Verify([]byte("Hello, World!"), signature))
	fmt.Println(v.Verify([]byte("Hello, Mars!"), signature))
	// Output:
	// <nil>
	// webhook: signature does not match
}

// A nil error answers 204, any other 500, and the sender tries again.
func ExampleVerifier_Handler() {
	v, err := verify.New("a secret of mine", nil)
	if err != nil {
		log.Fatal(err)
	}
	ready := false
	h := v.Handler(func(ctx context.Context, m verify.Message) error {
		if !ready {
			return errors.New("the database is starting")
		}
		fmt.Println(m.Event, string(m.Data))
		return nil
	})

	for range 2 {
		rec := httptest.NewRecorder()
		h.ServeHTTP(rec, verifytest.NewRequest("a secret of mine", "reply.received", map[string]string{"text": "Yes!"}, nil))
		fmt.Println(rec.Code)
		ready = true
	}
	// Output:
	// 500
	// reply.received {"text":"Yes!"}
	// 204
}

// In front of a handler that reads the body itself.
func ExampleVerifier_Middleware() {
	v, err := verify.New("a secret of mine", nil)
	if err != nil {
		log.Fatal(err)
	}
	h := v.Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		fmt.Println(len(body) > 0)
		if m, ok := verify.FromContext(r.Context()); ok {
			fmt.Println(m.Event)
		}
	}))

	h.ServeHTTP(httptest.NewRecorder(), verifytest.NewRequest("a secret of mine", "meeting.booked", nil, nil))
	// Output:
	// true
	// meeting.booked
}

// With a router that is not net/http's, or an answer of your own.
func ExampleVerifier_Request() {
	v, err := verify.New("a secret of mine", nil)
	if err != nil {
		log.Fatal(err)
	}
	h := func(w http.ResponseWriter, r *http.Request) {
		m, err := v.Request(w, r)
		if err != nil {
			w.WriteHeader(verify.StatusCode(err))
			return
		}
		w.WriteHeader(http.StatusAccepted)
		fmt.Fprintln(w, "queued", m.Event)
	}

	for _, secret := range []string{"a secret of mine", "another secret"} {
		rec := httptest.NewRecorder()
		h(rec, verifytest.NewRequest(secret, "lead.created", nil, nil))
		fmt.Println(rec.Code, rec.Body)
	}
	// Output:
	// 202 queued lead.created
	//
	// 401
}

// The data of a message in the type of its event. Events that are added later
// are accepted and ignored.
func ExampleDecode() {
	v, err := verify.New("a secret of mine", nil)
	if err != nil {
		log.Fatal(err)
	}
	h := v.Handler(func(ctx context.Context, m verify.Message) error {
		switch m.Event {
		case events.LeadScored:
			d, err := verify.Decode[events.LeadScoredData](m)
			if err != nil {
				return err
			}
			fmt.Println(d.Lead.ID, "has", *d.Score.Overall)
		case events.MeetingBooked:
			d, err := verify.Decode[events.MeetingBookedData](m)
			if err != nil {
				return err
			}
			fmt.Println(d.Lead.ID, "meets", d.Meeting.Start.Format(time.RFC822))
		}
		return nil
	})

	lead := events.Lead{ID: "lead_1"}
	for event, data := range map[string]any{
		events.LeadScored: events.LeadScoredData{Lead: lead, Score: events.Score{Overall: events.Ptr(87)}},
		"lead.teleported": "an event of next year",
	} {
		rec := httptest.NewRecorder()
		h.ServeHTTP(rec, verifytest.NewRequest("a secret of mine", event, data, nil))
		fmt.Println(rec.Code)
	}
	// Unordered output:
	// lead_1 has 87
	// 204
	// 204
}

// A product's own event, decoded into a type that has the fields one needs.
func ExampleDecode_own() {
	type Invoice struct {
		ID    string `json:"id"`
		Cents int    `json:"cents"`
	}
	m := verify.Message{Event: "invoice.paid", Data: json.RawMessage(`{"id":"in_1","cents":4200,"currency":"EUR"}`)}

	invoice, err := verify.Decode[Invoice](m)
	fmt.Println(invoice.ID, invoice.Cents, err)
	_, err = verify.Decode[events.LeadScoredData](verify.Message{Event: events.MeetingBooked, Data: m.Data})
	fmt.Println(err)
	// Output:
	// in_1 4200 <nil>
	// webhook: data of another event: meeting.booked has events.MeetingBookedData, not events.LeadScoredData
}

// One event and its data, in one line.
func ExampleOn() {
	v, err := verify.New("a secret of mine", nil)
	if err != nil {
		log.Fatal(err)
	}
	h := v.Handler(verify.On(events.LeadScored, func(ctx context.Context, m verify.Message, d events.LeadScoredData) error {
		fmt.Println(d.Lead.ID, *d.Score.Overall)
		return nil
	}))

	data := events.LeadScoredData{Lead: events.Lead{ID: "lead_1"}, Score: events.Score{Overall: events.Ptr(87)}}
	for _, event := range []string{events.LeadScored, events.LeadCreated} {
		rec := httptest.NewRecorder()
		h.ServeHTTP(rec, verifytest.NewRequest("a secret of mine", event, data, nil))
		fmt.Println(event, rec.Code)
	}
	// Output:
	// lead_1 87
	// lead.scored 204
	// lead.created 204
}

// Which mistake was made, for the log: here a framework parsed the body and
// encoded it again. The client learns 401 and no more.
func ExampleVerifier_Explain() {
	v, err := verify.New("a secret of mine", nil)
	if err != nil {
		log.Fatal(err)
	}
	r := verifytest.NewRequest("a secret of mine", "lead.scored", map[string]int{"score": 87}, nil)

	body, _ := io.ReadAll(r.Body)
	var parsed any
	_ = json.Unmarshal(body, &parsed)
	body, _ = json.MarshalIndent(parsed, "", "  ")

	if _, err := v.Message(body, r.Header); err != nil {
		fmt.Println(err)
		fmt.Println(v.Explain(r, body))
	}
	// Output:
	// webhook: signature does not match
	// The request announced 82 bytes and 104 were verified: the body was changed, inflated or cut on the way. The body was parsed and encoded again before it was verified, which changed the order of its fields and the white space between its values. Verify the raw bytes, before anything parses them.
}

// While a rotation lasts, both secrets are accepted.
func ExampleOptions_rotation() {
	v, err := verify.New("the new secret", &verify.Options{
		MoreSecrets: []string{"the old secret"}, // remove when the overlap is over
	})
	if err != nil {
		log.Fatal(err)
	}
	h := v.Handler(func(context.Context, verify.Message) error { return nil })

	for _, secret := range []string{"the new secret", "the old secret", "the one before"} {
		rec := httptest.NewRecorder()
		h.ServeHTTP(rec, verifytest.NewRequest(secret, "lead.created", nil, nil))
		fmt.Println(secret, rec.Code)
	}
	// Output:
	// the new secret 204
	// the old secret 204
	// the one before 401
}

// Retries and replays of a message that was handled are answered 204 without
// handling it again.
func ExampleMemoryOnce() {
	v, err := verify.New("a secret of mine", &verify.Options{
		Scheme: verify.ReplayProtected,
		Once:   &verify.MemoryOnce{},
	})
	if err != nil {
		log.Fatal(err)
	}
	h := v.Handler(func(ctx context.Context, m verify.Message) error {
		fmt.Println("handling", m.ID)
		return nil
	})

	for _, id := range []string{"evt_1", "evt_1", "evt_2"} {
		rec := httptest.NewRecorder()
		h.ServeHTTP(rec, verifytest.NewRequest("a secret of mine", "lead.created", nil, &verifytest.Options{ID: id}))
		fmt.Println(id, rec.Code)
	}
	// Output:
	// handling evt_1
	// evt_1 204
	// evt_1 204
	// handling evt_2
	// evt_2 204
}
