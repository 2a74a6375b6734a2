package storetest

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/autoreach/webhook"
)

var endpointCases = []testCase{
	{"PutEndpoint/RoundTrip", "an endpoint reads back as it was written, at Version 1, with the store's times and no health: " +
		"whatever is lost here is missing from every request that is sent", putRoundTrip},
	{"PutEndpoint/ArgumentsCopied", "a store keeps copies of slices and maps: the caller goes on using its own", putCopies},
	{"PutEndpoint/CreateRepeated", "a create whose ID is stored at Version 1 is the repeat of one whose answer was lost: " +
		"it returns the stored endpoint, also when the account is full by now", putRepeat},
	{"PutEndpoint/LimitRefused", "a create beyond the limit is ErrLimit, disabled endpoints counted, each account for itself; " +
		"an update ignores the limit", putLimit},
	{"PutEndpoint/LimitConcurrent", "of many creates at once exactly as many succeed as the limit allows: " +
		"counting first and inserting afterwards lets a customer exceed it", putLimitConcurrent},
	{"PutEndpoint/DeleteFreesOne", "a deleted endpoint makes room for exactly one", putAfterDelete},
	{"PutEndpoint/Update", "an update replaces all fields, raises Version by one, keeps CreatedAt and advances UpdatedAt by the " +
		"store's clock", putUpdate},
	{"PutEndpoint/StaleVersion", "an update of another version than the stored one is ErrConflict and changes nothing: " +
		"somebody else's edit must not be overwritten", putStale},
	{"PutEndpoint/UpdateConcurrent", "of many updates of one version exactly one succeeds", putConcurrent},
	{"PutEndpoint/UpdateGone", "an update of an endpoint that does not exist is ErrNotFound and creates nothing", putGone},
	{"DeleteEndpoint/RemovesAll", "an endpoint goes with its deliveries, attempts and counters at once; a second delete is " +
		"ErrNotFound", deleteAll},
	{"DeleteEndpoint/HolderLosesLane", "after a delete nothing is handed out, the holder's token is void and its outcomes are " +
		"dropped: the customer was told that nothing more is sent", deleteHeld},
	{"DeleteEndpoint/RecreatedIsAnother", "an endpoint that is created again under the ID of a deleted one has nothing of it, and " +
		"the holder of the former lane does not hold the new one", deleteRecreated},
	{"DeleteEndpoint/OthersKeepEvent", "an event of several endpoints outlives the deletion of one of them", deleteShared},
}

func putRoundTrip(c *check) {
	e := draft(func(e *webhook.Endpoint) {
		e.Name, e.Events = "Zoë's “hook” 🪝", []webhook.EventType{typeB, typeA, typeC}
		e.URL = "https://user@crm.example.com:8443/a%20b?c=%00&d=é"
		e.Format = "slack"
		e.Headers = map[string]string{"X-Env": "prod", "X-Empty": ""}
		e.Timeout, e.MaxInFlight, e.PerSecond, e.FIFO = 1500*time.Millisecond, 7, 0.25, true
		e.Enabled, e.DisabledBy, e.DisabledReason = false, webhook.DisabledByOperator, "abuse"
		e.OldSecret, e.OldSecretUntil = "whsec_old", time.Date(2031, 1, 2, 3, 4, 5, 678_000_000, time.UTC)
		e.CreatedAt = time.Now().Add(time.Hour)
		e.UpdatedAt = e.CreatedAt
	})
	got := c.put(e)
	if got.CreatedAt.IsZero() || !got.CreatedAt.Equal(got.UpdatedAt) || got.CreatedAt.Equal(e.CreatedAt) {
		c.Errorf("CreatedAt %v and UpdatedAt %v must be the store's clock at the create, not the caller's %v",
			got.CreatedAt, got.UpdatedAt, e.CreatedAt)
	}
	want := e
	want.Version = 1
	c.sameEndpoint("the result of PutEndpoint", got, want)
	r := c.look(e)
	c.sameEndpoint("the endpoint read back", r.Endpoint, want)
	if !r.CreatedAt.Equal(got.CreatedAt) || !r.UpdatedAt.Equal(got.UpdatedAt) {
		c.Errorf("times read back are %v and %v, PutEndpoint returned %v", r.CreatedAt, r.UpdatedAt, got.CreatedAt)
	}
	h := r.Health
	if h.Last != webhook.LastNever || !h.At.IsZero() || h.InError || !h.FailingSince.IsZero() || h.Undelivered != 0 ||
		r.Pending != 0 || len(r.Hours) != 0 {
		c.Errorf("a new endpoint must have no health: %+v, %d pending, hours %v", h, r.Pending, r.Hours)
	}
}

// sameEndpoint compares all but the store's times.
func (c *check) sameEndpoint(what string, got, want webhook.Endpoint) {
	c.Helper()
	if got.Secret.Reveal() != want.Secret.Reveal() || got.OldSecret.Reveal() != want.OldSecret.Reveal() ||
		got.SigningKey.Reveal() != want.SigningKey.Reveal() {
		c.Errorf("%s: the secrets differ", what)
	}
	if !got.OldSecretUntil.Equal(want.OldSecretUntil) || !maps.Equal(got.Headers, want.Headers) ||
		!slices.Equal(got.Events, want.Events) {
		c.Errorf("%s: want OldSecretUntil %v, Headers %v, Events %v; got %v, %v, %v", what,
			want.OldSecretUntil, want.Headers, want.Events, got.OldSecretUntil, got.Headers, got.Events)
	}
	type bare webhook.Endpoint // without String, which masks the URL
	plain := func(e webhook.Endpoint) string {
		e.OldSecretUntil, e.CreatedAt, e.UpdatedAt = time.Time{}, time.Time{}, time.Time{}
		e.Headers, e.Events = nil, nil
		return fmt.Sprintf("%+v", bare(e))
	}
	if plain(got) != plain(want) {
		c.Errorf("%s:\ngot  %s\nwant %s", what, plain(got), plain(want))
	}
}

func putCopies(c *check) {
	e := draft(func(e *webhook.Endpoint) { e.Headers = map[string]string{"X-Env": "prod"} })
	c.put(e)
	e.Headers["X-Env"], e.Events[0] = "changed", "changed"
	got := c.look(e)
	if got.Headers["X-Env"] != "prod" || got.Events[0] != typeA {
		c.Errorf("the caller's later changes are stored: Headers %v, Events %v", got.Headers, got.Events)
	}
}

func putRepeat(c *check) {
	e := draft()
	first, err := c.s.PutEndpoint(c.ctx, e, 1)
	c.must(err, "PutEndpoint")
	again, err := c.s.PutEndpoint(c.ctx, e, 1)
	if err != nil {
		c.Fatalf("the repeat of a create, at the limit: %v", err)
	}
	c.sameEndpoint("the repeat", again, first)
	c.wantEndpoints(account, 1)
}

func (c *check) wantEndpoints(account string, n int) {
	c.Helper()
	rs, err := c.s.Endpoints(c.ctx, webhook.EndpointQuery{Account: account, Limit: 1000})
	c.must(err, "Endpoints")
	if len(rs) != n {
		c.Fatalf("%s must have %d endpoints, it has %d", account, n, len(rs))
	}
}

func putLimit(c *check) {
	first := c.endpoint()
	c.endpoint(func(e *webhook.Endpoint) { e.Enabled, e.DisabledBy = false, webhook.DisabledByCustomer })
	if _, err := c.s.PutEndpoint(c.ctx, draft(), 2); !errors.Is(err, webhook.ErrLimit) {
		c.Errorf("the third create with a limit of 2: want ErrLimit, got %v", err)
	}
	c.wantEndpoints(account, 2)
	if _, err := c.s.PutEndpoint(c.ctx, draft(ofForeign), 1); err != nil {
		c.Errorf("the first create of another account: %v", err)
	}
	first.Name = "renamed"
	if _, err := c.s.PutEndpoint(c.ctx, first, 1); err != nil {
		c.Errorf("an update of an account over its limit: %v", err)
	}
}

// together runs n functions at once.
func together(n int, f func(i int)) {
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() { f(i) })
	}
	wg.Wait()
}

func putLimitConcurrent(c *check) {
	errs := make([]error, 100)
	together(len(errs), func(i int) { _, errs[i] = c.s.PutEndpoint(c.ctx, draft(), 10) })
	created := 0
	for _, err := range errs {
		if err == nil {
			created++
		} else if !errors.Is(err, webhook.ErrLimit) {
			c.Errorf("a create beyond the limit: want ErrLimit, got %v", err)
		}
	}
	if created != 10 {
		c.Errorf("100 creates at once with a limit of 10: %d succeeded", created)
	}
	c.wantEndpoints(account, 10)
}

func putAfterDelete(c *check) {
	gone := c.endpoint()
	c.endpoint()
	c.must(c.s.DeleteEndpoint(c.ctx, account, gone.ID), "DeleteEndpoint")
	errs := make([]error, 10)
	together(len(errs), func(i int) { _, errs[i] = c.s.PutEndpoint(c.ctx, draft(), 2) })
	created := 0
	for _, err := range errs {
		if err == nil {
			created++
		}
	}
	if created != 1 {
		c.Errorf("after one delete at the limit %d creates succeeded, want 1", created)
	}
	c.wantEndpoints(account, 2)
}

func putUpdate(c *check) {
	e := c.endpoint(func(e *webhook.Endpoint) { e.Headers = map[string]string{"X-Env": "prod"} })
	c.advance(1)
	change := e
	change.Name, change.URL, change.Events = "renamed", "https://other.example.com/", []webhook.EventType{typeC}
	change.Format = "json"
	change.Headers, change.Secret, change.FIFO, change.Timeout = nil, "", true, time.Second
	change.SigningKey = "whsk_another"
	change.CreatedAt, change.UpdatedAt = time.Now().Add(time.Hour), time.Now().Add(-time.Hour)
	got := c.put(change)
	want := change
	want.Version = 2
	c.sameEndpoint("the result of the update", got, want)
	read := c.look(e)
	c.sameEndpoint("the endpoint read back", read.Endpoint, want)
	if !got.CreatedAt.Equal(e.CreatedAt) || !got.UpdatedAt.After(e.UpdatedAt) || got.UpdatedAt.After(e.UpdatedAt.Add(c.units(100))) {
		c.Errorf("created at %v, updated at %v: want CreatedAt kept and UpdatedAt by the store's clock; got %v and %v",
			e.CreatedAt, e.UpdatedAt, got.CreatedAt, got.UpdatedAt)
	}
}

func putStale(c *check) {
	old := c.endpoint()
	second := old
	second.Name = "second"
	second = c.put(second)
	third := old
	third.Name, third.Enabled = "third", false
	if _, err := c.s.PutEndpoint(c.ctx, third, 10); !errors.Is(err, webhook.ErrConflict) {
		c.Errorf("an update of version 1 when 2 is stored: want ErrConflict, got %v", err)
	}
	c.sameEndpoint("the endpoint after a refused update", c.look(old).Endpoint, second)
	second.Version = 3
	if _, err := c.s.PutEndpoint(c.ctx, second, 10); !errors.Is(err, webhook.ErrConflict) {
		c.Errorf("an update of version 3 when 2 is stored: want ErrConflict, got %v", err)
	}
}

func putConcurrent(c *check) {
	e := c.endpoint()
	errs := make([]error, 20)
	together(len(errs), func(i int) {
		change := e
		change.Name = fmt.Sprint("by ", i)
		_, errs[i] = c.s.PutEndpoint(c.ctx, change, 10)
	})
	winner := -1
	for i, err := range errs {
		switch {
		case err == nil && winner >= 0:
			c.Errorf("updates %d and %d of the same version both succeeded", winner, i)
		case err == nil:
			winner = i
		case !errors.Is(err, webhook.ErrConflict):
			c.Errorf("a later update of the same version: want ErrConflict, got %v", err)
		}
	}
	if got := c.look(e); got.Version != 2 || got.Name != fmt.Sprint("by ", winner) {
		c.Errorf("update %d won, stored is version %d %q", winner, got.Version, got.Name)
	}
}

func putGone(c *check) {
	e := draft()
	e.Version = 1
	if _, err := c.s.PutEndpoint(c.ctx, e, 10); !errors.Is(err, webhook.ErrNotFound) {
		c.Errorf("an update of what never existed: want ErrNotFound, got %v", err)
	}
	e = c.endpoint()
	c.must(c.s.DeleteEndpoint(c.ctx, account, e.ID), "DeleteEndpoint")
	if _, err := c.s.PutEndpoint(c.ctx, e, 10); !errors.Is(err, webhook.ErrNotFound) {
		c.Errorf("an update of what was deleted: want ErrNotFound, got %v", err)
	}
	c.wantEndpoints(account, 0)
}

func deleteAll(c *check) {
	e := c.endpoint()
	c.kill(e, 2)
	c.emits(3)
	c.must(c.s.DeleteEndpoint(c.ctx, account, e.ID), "DeleteEndpoint")
	if err := c.s.DeleteEndpoint(c.ctx, account, e.ID); !errors.Is(err, webhook.ErrNotFound) {
		c.Errorf("the second delete: want ErrNotFound, got %v", err)
	}
	if err := c.s.DeleteEndpoint(c.ctx, account, newID()); !errors.Is(err, webhook.ErrNotFound) {
		c.Errorf("deleting what never existed: want ErrNotFound, got %v", err)
	}
	if r := c.find(e); r != nil {
		c.Errorf("Endpoints still returns the deleted endpoint")
	}
	if rs := c.log(webhook.DeliveryQuery{}); len(rs) != 0 {
		c.Errorf("Deliveries still returns %d of the deleted endpoint's", len(rs))
	}
	c.noClaim("after a delete")
	c.wantStats(webhook.StoreStats{})
	if a := c.append(event())[0]; a.Deliveries != 0 {
		c.Errorf("an event after the delete makes %d deliveries", a.Deliveries)
	}
}

func deleteHeld(c *check) {
	e := c.endpoint()
	c.emits(2)
	h := c.claim(e).Hold
	b := c.due(h)
	c.must(c.s.DeleteEndpoint(c.ctx, account, e.ID), "DeleteEndpoint")
	if _, ok := c.ask(webhook.Want{Hold: h, Max: 10}); ok {
		c.Errorf("Due answers for a deleted endpoint")
	}
	lost, err := c.s.Extend(c.ctx, []webhook.Hold{h}, c.long())
	c.must(err, "Extend")
	if len(lost) != 1 {
		c.Errorf("Extend does not report the lane of a deleted endpoint as lost")
	}
	s := c.settle([]webhook.Outcome{delivered(h, b.Deliveries[0]), retry(0)(h, b.Deliveries[1])},
		webhook.Return{Hold: h, Mark: webhook.MarkAny})
	if s.Applied[0] || s.Applied[1] || len(s.Refused) != 1 || len(s.Changes) != 0 {
		c.Errorf("outcomes of a deleted endpoint are dropped and its return is refused; got %+v", s)
	}
	c.noClaim("after a delete and a late settle")
	if rs := c.log(webhook.DeliveryQuery{}); len(rs) != 0 {
		c.Errorf("a late settle brought %d deliveries back", len(rs))
	}
}

func deleteShared(c *check) {
	gone, kept := c.endpoint(), c.endpoint()
	ev := c.emit()
	c.must(c.s.DeleteEndpoint(c.ctx, account, gone.ID), "DeleteEndpoint")
	d := c.one(c.claim(kept).Hold)
	c.wantEvent(d, ev)
}

func deleteRecreated(c *check) {
	e := draft()
	c.put(e)
	c.emit()
	old := c.claim(e).Hold
	d := c.one(old)
	c.must(c.s.DeleteEndpoint(c.ctx, account, e.ID), "DeleteEndpoint")
	if again := c.put(e); again.Version != 1 {
		c.Errorf("created again at version %d", again.Version)
	}
	if r := c.look(e); r.Pending != 0 {
		c.Errorf("%d deliveries came back", r.Pending)
	}
	ev := c.emit()
	h := c.claim(e).Hold
	if h.Token <= old.Token {
		c.Errorf("the new lane's token %d was the old one's", h.Token)
	}
	fresh := c.one(h)
	c.wantEvent(fresh, ev)
	if fresh.ID <= d.ID {
		c.Errorf("delivery %d comes after %d: IDs must not be used again", fresh.ID, d.ID)
	}
	c.drop(dead(old, fresh), "its holder had the deleted lane")
}
