package storetest

import (
	"errors"
	"fmt"

	"github.com/autoreach/webhook"
)

var accountCases = []testCase{
	{"Accounts/ForeignIsNotFound", "another account's endpoint is not found, by any method, exactly like one that never existed: " +
		"else a customer reads or stops another one's webhooks", accountsForeign},
	{"Accounts/QueriesStayInside", "queries without an endpoint see and change their own account only, whatever IDs they name",
		accountsQueries},
}

// accountMethods are the methods that take an account and an endpoint's ID.
var accountMethods = []struct {
	name string
	call func(c *check, account, id string) (any, error)
}{
	{"PutEndpoint", func(c *check, account, id string) (any, error) {
		return c.s.PutEndpoint(c.ctx, webhook.Endpoint{ID: id, Account: account, Version: 1, Name: "stolen"}, 10)
	}},
	{"DeleteEndpoint", func(c *check, account, id string) (any, error) {
		return nil, c.s.DeleteEndpoint(c.ctx, account, id)
	}},
	{"Endpoints", func(c *check, account, id string) (any, error) {
		rs, err := c.s.Endpoints(c.ctx, webhook.EndpointQuery{Account: account, ID: id})
		return len(rs), err
	}},
	{"Deliveries", func(c *check, account, id string) (any, error) {
		rs, err := c.s.Deliveries(c.ctx, webhook.DeliveryQuery{Account: account, Endpoint: id})
		return len(rs), err
	}},
	{"Recover", func(c *check, account, id string) (any, error) {
		return c.s.Recover(c.ctx, webhook.DeliveryQuery{Account: account, Endpoint: id})
	}},
	{"Dismiss", func(c *check, account, id string) (any, error) {
		return c.s.Dismiss(c.ctx, webhook.DeliveryQuery{Account: account, Endpoint: id})
	}},
}

// victim is an account with a dead and a pending delivery.
func (c *check) victim() (webhook.Endpoint, func() string) {
	c.Helper()
	e := c.endpoint(ofForeign)
	c.emit(ofForeignEv, ofSubject("lead:1"))
	c.work(e, dead)
	c.emit(ofForeignEv, ofSubject("lead:1"))
	return e, func() string {
		s := fmt.Sprintf("%+v\n", c.look(e))
		for _, r := range c.log(webhook.DeliveryQuery{Account: foreign, Body: true}) {
			s += fmt.Sprintf("%+v\n", r)
		}
		return s
	}
}

func accountsForeign(c *check) {
	e, picture := c.victim()
	before := picture()
	c.endpoint()
	for _, m := range accountMethods {
		for _, intruder := range []string{account, "acct_new", ""} {
			got, gotErr := m.call(c, intruder, e.ID)
			want, wantErr := m.call(c, intruder, newID())
			if fmt.Sprint(got) != fmt.Sprint(want) || !errors.Is(gotErr, wantErr) && fmt.Sprint(gotErr) != fmt.Sprint(wantErr) {
				c.Errorf("%s by %q of %s's endpoint: %v, %v; of one that never existed: %v, %v",
					m.name, intruder, foreign, got, gotErr, want, wantErr)
			}
		}
		if after := picture(); after != before {
			c.Fatalf("%s by another account changed something:\nbefore %s\nafter  %s", m.name, before, after)
		}
	}
}

func accountsQueries(c *check) {
	e, picture := c.victim()
	before := picture()
	c.endpoint()
	q := webhook.DeliveryQuery{Account: account}
	for _, r := range c.log(webhook.DeliveryQuery{Account: foreign}) {
		q.IDs = append(q.IDs, r.ID)
		if id, err := c.s.Resend(c.ctx, account, r.ID, "op"); id != 0 || !errors.Is(err, webhook.ErrNotFound) {
			c.Errorf("Resend of a %s delivery of %s by %s: got %d, %v", r.State, foreign, account, id, err)
		}
	}
	event := c.log(webhook.DeliveryQuery{Account: foreign})[0].Event
	for _, q := range []webhook.DeliveryQuery{
		{Account: account}, q, {Account: account, Event: event}, {Account: account, Undelivered: true},
	} {
		if rs := c.log(q); len(rs) != 0 {
			c.Errorf("Deliveries with %+v returns %d of %s", q, len(rs), rs[0].Account)
		}
		for name, f := range map[string]func(webhook.DeliveryQuery) (int, error){
			"Recover": c.recoverBy, "Dismiss": c.dismissBy,
		} {
			if n, err := f(q); n != 0 || err != nil {
				c.Errorf("%s with %+v: got %d, %v", name, q, n, err)
			}
		}
	}
	if got := c.list(webhook.EndpointQuery{Account: account}); len(got) != 1 || got[0] == e.ID {
		c.Errorf("Endpoints of %s returns %v", account, got)
	}
	c.erase(webhook.Erasure{Account: account, Subject: "lead:1"}, 10)
	c.erase(webhook.Erasure{Account: account}, 10)
	if after := picture(); after != before {
		c.Errorf("another account's calls changed something:\nbefore %s\nafter  %s", before, after)
	}
}
