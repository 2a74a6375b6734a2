package fair

// enter puts a lane that has something to start where it belongs: aside, behind
// those that were there before it, and from there into the round if it can.
func (s *Scheduler[L]) enter(l *Lane[L]) {
	if l.in != nil || l.waiting == 0 {
		return
	}
	s.turn++
	l.turn = s.turn
	l.in = &l.host.wait
	if l.slow {
		l.in = &l.host.slow
	}
	l.at = l.in.PushBack(l)
	s.wake(l.host)
}

// leave takes the lane out of the round, or from where it waits aside.
func (s *Scheduler[L]) leave(l *Lane[L]) {
	switch l.in {
	case nil:
	case s.round:
		s.leaveRound(l)
		s.wake(l.host)
		s.wakeSlow()
	default:
		l.in.Remove(l.at)
		l.in, l.at = nil, nil
	}
}

func (s *Scheduler[L]) leaveRound(l *Lane[L]) {
	s.round.Remove(l.at)
	l.in, l.at = nil, nil
	l.host.used--
	if l.slow {
		s.reserved--
	}
}

// slowRoom reports whether one more slow lane may enter the round.
func (s *Scheduler[L]) slowRoom() bool { return s.slow+s.reserved < s.limits.Slow }

// wake moves lanes of the host into the round while there is room for them, those
// that have waited longest first.
//
// A slow lane needs two slots. It takes both or none, so that it never keeps one
// from others while it waits for the second.
func (s *Scheduler[L]) wake(h *host) {
	for h.used < s.limits.PerHost {
		var l *Lane[L]
		if e := h.wait.Front(); e != nil {
			l = e.Value.(*Lane[L])
		}
		if e := h.slow.Front(); e != nil {
			if slow := e.Value.(*Lane[L]); !s.slowRoom() {
				s.park(h)
			} else if l == nil || slow.turn < l.turn {
				l = slow
			}
		}
		if l == nil {
			return
		}
		l.in.Remove(l.at)
		l.in, l.at = s.round, s.round.PushBack(l)
		h.used++
		if l.slow {
			s.reserved++
		}
	}
}

// park makes the host one of those that get the slow budget's next free slots, in
// their order.
func (s *Scheduler[L]) park(h *host) {
	if !h.parked {
		h.parked = true
		s.parked.PushBack(h)
	}
}

// wakeSlow gives the free slots of the slow budget to the hosts that wait for
// them. One whose slots are all in use by now is dropped: it asks again when it
// has one, and pays thereby for having been looked at.
func (s *Scheduler[L]) wakeSlow() {
	for s.slowRoom() && s.parked.Len() > 0 {
		h := s.parked.Remove(s.parked.Front()).(*host)
		h.parked = false
		s.wake(h)
	}
}

// forget drops a host that nobody uses, as hosts come and go.
func (s *Scheduler[L]) forget(h *host) {
	if h.lanes == 0 && h.used == 0 {
		delete(s.hosts, h.name)
	}
}
