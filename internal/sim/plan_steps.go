package sim

import (
	"fmt"
	"time"

	"github.com/autoreach/webhook"
)

// emits plans what is emitted: bursts and single ones, with quiet between.
func (p *Plan) emits() {
	r := p.rnd
	for range (50 + r.IntN(120)) / p.fewer {
		e := &emission{
			account: fmt.Sprintf("acct_%d", r.IntN(accounts)),
			process: r.IntN(p.Processes),
			abandon: r.IntN(6) == 0,
			limit:   pick(r, 0, 0, time.Second),
		}
		n := 1
		switch r.IntN(12) {
		case 0:
			e.refusal = pick(r, "type", "data", "size")
		case 1:
			n, e.refusal = 2+r.IntN(5), "type"
		case 2, 3:
			n = 2 + r.IntN(25)/p.fewer
		case 4, 5, 6:
			e.key = fmt.Sprintf("key-%d", r.IntN(6))
		}
		for range n {
			p.n++
			e.events = append(e.events, planned{p.n, pick(r, types...)})
		}
		at := p.moment()
		p.step(at, "emit", e.do)
		if e.key != "" && r.IntN(2) == 0 { // the same again, elsewhere
			again := *e
			again.process, again.again = r.IntN(p.Processes), true
			p.step(at+p.short(time.Duration(r.IntN(2000))*time.Millisecond), "emit again", again.do)
		}
	}
}

// acts plans what customers and operators do.
func (p *Plan) acts() {
	r := p.rnd
	var sick []int
	for i, e := range p.Endpoints {
		if !e.Healthy {
			sick = append(sick, i)
		}
	}
	for range (20 + r.IntN(60)) / p.fewer {
		a := act{process: r.IntN(p.Processes), endpoint: r.IntN(len(p.Endpoints)), n: r.IntN(1000), secret: p.secret()}
		at := p.moment()
		lasts := p.short(time.Duration(500+r.IntN(15000)) * time.Millisecond)
		switch r.IntN(14) {
		case 0:
			p.step(at, "edit the URL", a.editURL)
		case 1:
			p.step(at, "edit the secret", a.editSecret)
		case 2:
			p.step(at, "rotate the secret", a.rotate)
		case 3, 4:
			if len(sick) > 0 {
				a.endpoint = sick[r.IntN(len(sick))]
				p.step(at, "disable", a.disable)
				b := a
				b.process = r.IntN(p.Processes)
				if r.IntN(4) > 0 {
					p.step(at+lasts, "enable", b.enable)
				}
			}
		case 5:
			if len(sick) > 1 && r.IntN(2) == 0 {
				a.endpoint = sick[0]
				p.step(at, "delete", a.remove)
			}
		case 6, 7:
			a.pause = p.pause(a.endpoint)
			b := a
			b.process = r.IntN(p.Processes)
			p.step(at, "pause", a.setPause)
			p.step(at+lasts, "resume", b.resume)
		case 8, 9:
			p.step(at, "resend", a.resend)
		case 10:
			p.step(at, "recover", a.recover)
		case 11:
			p.step(at, "dismiss", a.dismiss)
		case 12:
			p.step(at, "test", a.test)
		default:
			p.step(at, "purge", a.purge)
		}
	}
}

func (p *Plan) pause(endpoint int) webhook.Pause {
	e := p.Endpoints[endpoint]
	switch p.rnd.IntN(4) {
	case 0:
		return webhook.Pause{}
	case 1:
		return webhook.Pause{Account: e.Account}
	case 2:
		return webhook.Pause{Host: e.Host}
	}
	return webhook.Pause{Type: pick(p.rnd, types...)}
}

// processes plans what happens to them; chance grows with the faults.
func (p *Plan) processes(chance float64) {
	r := p.rnd
	n := 0
	if chance > 0 {
		n = r.IntN(20) / p.fewer
	}
	for range n {
		slot, at := r.IntN(p.Processes), p.moment()
		down := p.short(time.Duration(r.IntN(5000)) * time.Millisecond)
		switch r.IntN(3) {
		case 0:
			p.step(at, "crash", func(w *world) { w.crash(slot, down) })
		case 1:
			frozen := p.Lease/2 + time.Duration(r.Int64N(int64(2*p.Lease)))
			p.step(at, "freeze", func(w *world) { w.freeze(slot, frozen) })
		case 2:
			p.step(at, "restart", func(w *world) { w.restart(slot, down) })
		}
	}
}
