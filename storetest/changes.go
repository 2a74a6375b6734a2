package storetest

import "github.com/autoreach/webhook"

var changeCases = []testCase{
	{"Changes/Turns", "turns of an endpoint's health are reported once each: failing, error, recovered. The host tells its " +
		"customer by them", changeTurns},
	{"Changes/Disabled", "a death that says so disables the endpoint by the engine, with the reason and a new version, and stops " +
		"its lane", changeDisabled},
	{"Changes/DisableOnlySentVersion", "only the version that was sent to is disabled: its owner may have repaired it meanwhile",
		changeVersion},
	{"Changes/DisableOnlyIfApplied", "an outcome that is not applied disables nothing", changeApplied},
	{"Changes/DisableOnlyIfDead", "a death disables nothing if the delivery was delivered after all in the same call", changeWon},
}

func changeTurns(c *check) {
	e := c.endpoint()
	step := func(verdict func(webhook.Hold, webhook.Delivery) webhook.Outcome, kinds ...webhook.ChangeKind) {
		c.Helper()
		h := c.claim(e).Hold
		b := c.due(h)
		o := verdict(h, b.Deliveries[0])
		s := c.settle([]webhook.Outcome{o}, webhook.Return{Hold: h, Mark: webhook.MarkAny})
		c.wantChanges(s, e, kinds...)
		c.advance(0.1)
	}
	c.emits(6)
	step(delivered)
	step(retry(0), webhook.ChangeFailing)
	step(retry(0))
	step(dead, webhook.ChangeError)
	step(dead)
	step(delivered, webhook.ChangeRecovered)
	step(delivered)
}

func changeDisabled(c *check) {
	e := c.endpoint()
	c.emits(2)
	h := c.claim(e).Hold
	b := c.due(h)
	c.apply(retry(0)(h, b.Deliveries[0])) // failing
	s := c.settle([]webhook.Outcome{disabling(e.Version)(h, b.Deliveries[1])}, webhook.Return{Hold: h, Mark: b.Mark})
	c.wantChanges(s, e, webhook.ChangeError, webhook.ChangeDisabled)
	if !s.Applied[0] {
		c.Fatalf("the death is not applied")
	}
	r := c.look(e)
	if r.Enabled || r.DisabledBy != webhook.DisabledByEngine || r.DisabledReason != "gone for good" || r.Version != e.Version+1 {
		c.Errorf("want it disabled by the engine with its reason at version %d: %+v", e.Version+1, r.Endpoint)
	}
	if r.ChangedBy != "" {
		c.Errorf("the engine's change is put down to %q, who made the one before", r.ChangedBy)
	}
	if _, ok := c.ask(webhook.Want{Hold: h, Max: 1}); ok {
		c.Errorf("its holder is still answered")
	}
	c.noClaim("a lane that the engine disabled")
	if r.Pending != 1 {
		c.Errorf("what waited must wait on: %d pending, want 1", r.Pending)
	}
}

func changeVersion(c *check) {
	e := c.endpoint()
	c.emits(2)
	h := c.claim(e).Hold
	b := c.due(h)
	edited := e
	edited.URL = "https://repaired.example.com/"
	edited = c.put(edited)
	s := c.settle([]webhook.Outcome{disabling(e.Version)(h, b.Deliveries[0])})
	if !s.Applied[0] {
		c.Errorf("the death itself must be applied")
	}
	for _, x := range s.Changes {
		if x.Kind == webhook.ChangeDisabled {
			c.Errorf("reported as disabled")
		}
	}
	if r := c.look(e); !r.Enabled || r.Version != edited.Version {
		c.Fatalf("version %d was disabled by an answer to version %d", edited.Version, e.Version)
	}
	c.apply(disabling(edited.Version)(h, c.one(h)))
	if r := c.look(e); r.Enabled {
		c.Errorf("an answer to the present version must disable it")
	}
}

func changeApplied(c *check) {
	e := c.endpoint()
	old, now, d := c.twoHolders(e)
	s := c.settle([]webhook.Outcome{disabling(e.Version)(old, d)})
	if s.Applied[0] || len(s.Changes) > 0 || !c.look(e).Enabled {
		c.Errorf("a stale holder's death: %+v, enabled %t", s, c.look(e).Enabled)
	}
	c.apply(delivered(now, d))
	c.drop(disabling(e.Version)(now, d), "it is delivered")
	if !c.look(e).Enabled {
		c.Errorf("disabled by a delivery that was delivered")
	}
}

func changeWon(c *check) {
	e := c.endpoint()
	old, now, d := c.twoHolders(e)
	s := c.settle([]webhook.Outcome{disabling(e.Version)(now, d), delivered(old, d)})
	if !s.Applied[1] {
		c.Errorf("a stale holder's 2xx is not applied: %+v", s)
	}
	for _, x := range s.Changes {
		if x.Kind == webhook.ChangeDisabled {
			c.Errorf("reported as disabled")
		}
	}
	if r := c.look(e); !r.Enabled || r.Version != e.Version {
		c.Errorf("disabled by a delivery that was delivered in the same call: enabled %t, version %d", r.Enabled, r.Version)
	}
}
