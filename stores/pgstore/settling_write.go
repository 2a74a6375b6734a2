package pgstore

import "time"

// write queues what is to be stored: a statement for each kind, over all
// lanes.
func (w *settling) write(t *txn) {
	var dequeue, retry, finish, refinish rows
	var history rows
	for _, d := range w.deliveries {
		switch {
		case d.changed && d.was == statePending && d.state == statePending:
			retry.add(d)
		case d.changed && d.was == statePending:
			dequeue.add(d)
			finish.add(d)
		case d.changed:
			refinish.add(d)
		}
		if len(d.history) > 0 {
			history.add(d)
		}
	}
	if len(dequeue) > 0 {
		t.exec("dequeue", dequeue.lanes(), dequeue.ids())
		finish.finish(t)
	}
	if len(retry) > 0 {
		retry.retry(t)
	}
	if len(refinish) > 0 {
		refinish.refinish(t)
	}
	if len(history) > 0 {
		history.attempts(t)
	}
	w.writeLanes(t)
}

// rows are deliveries that one statement is about.
type rows []*delivery

func (r *rows) add(d *delivery) { *r = append(*r, d) }

// column makes one argument of a statement.
func column[T, C any](items []T, value func(T) C) []C {
	out := make([]C, len(items))
	for i, x := range items {
		out[i] = value(x)
	}
	return out
}

func (r rows) lanes() []int64 { return column(r, func(d *delivery) int64 { return d.lane.lane }) }
func (r rows) ids() []int64   { return column(r, func(d *delivery) int64 { return d.id }) }

func (r rows) retry(t *txn) {
	t.exec("retry", r.lanes(), r.ids(),
		column(r, func(d *delivery) time.Time { return d.due }),
		column(r, func(d *delivery) int64 { return int64(d.delay) }),
		column(r, func(d *delivery) int32 { return int32(d.attempts) }),
		column(r, func(d *delivery) bool { return d.gone }))
}

// end is the attempt that ended a delivery, or one whose N is 0.
func (d *delivery) end() attempt {
	if d.last == nil {
		return attempt{}
	}
	return *d.last
}

// ends are the columns of the attempts that ended the deliveries.
func (r rows) ends() []any {
	return []any{
		column(r, func(d *delivery) int32 { return int32(d.end().N) }),
		column(r, func(d *delivery) int64 { return d.end().token }),
		column(r, func(d *delivery) int32 { return int32(d.end().seq) }),
		column(r, func(d *delivery) int64 { return int64(d.end().Took) }),
		column(r, func(d *delivery) int32 { return int32(d.end().Status) }),
		column(r, func(d *delivery) string { return d.end().Class }),
		column(r, func(d *delivery) string { return d.end().Error }),
		blobs(column(r, func(d *delivery) blob { return orNone(d.end().Response) })),
	}
}

// orNone is nil for no bytes.
func orNone(b []byte) []byte {
	if len(b) == 0 {
		return nil
	}
	return b
}

func (r rows) finish(t *txn) {
	t.exec("finish", append([]any{
		r.lanes(), r.ids(),
		column(r, func(d *delivery) time.Time { return d.created }),
		column(r, func(d *delivery) time.Time { return d.finished }),
		column(r, func(d *delivery) string { return d.event }),
		column(r, func(d *delivery) int64 { return d.of }),
		column(r, func(d *delivery) int32 { return int32(d.attempts) }),
		column(r, func(d *delivery) int16 { return d.state }),
		column(r, func(d *delivery) bool { return d.resend }),
		column(r, func(d *delivery) bool { return d.moot }),
		column(r, func(d *delivery) bool { return d.undelivered }),
		column(r, func(d *delivery) bool { return d.gone }),
		column(r, func(d *delivery) string { return d.reason }),
		column(r, func(d *delivery) *string { return d.op }),
	}, r.ends()...)...)
}

func (r rows) refinish(t *txn) {
	t.exec("refinish", append([]any{
		r.lanes(), r.ids(),
		column(r, func(d *delivery) time.Time { return d.finished }),
		column(r, func(d *delivery) int32 { return int32(d.attempts) }),
		column(r, func(d *delivery) int16 { return d.state }),
		column(r, func(d *delivery) bool { return d.undelivered }),
		column(r, func(d *delivery) bool { return d.gone }),
	}, r.ends()...)...)
}

func (r rows) attempts(t *txn) {
	type row struct {
		d *delivery
		a attempt
	}
	var all []row
	for _, d := range r {
		for _, a := range d.history {
			all = append(all, row{d, a})
		}
	}
	t.exec("attempt",
		column(all, func(x row) int64 { return x.d.lane.lane }),
		column(all, func(x row) int64 { return x.d.id }),
		column(all, func(x row) int64 { return x.a.token }),
		column(all, func(x row) time.Time { return x.a.At }),
		column(all, func(x row) int64 { return int64(x.a.Took) }),
		column(all, func(x row) int32 { return int32(x.a.N) }),
		column(all, func(x row) int32 { return int32(x.a.Status) }),
		column(all, func(x row) int32 { return int32(x.a.seq) }),
		column(all, func(x row) string { return string(x.a.Result) }),
		column(all, func(x row) string { return x.a.Class }),
		column(all, func(x row) string { return x.a.Error }),
		blobs(column(all, func(x row) blob { return orNone(x.a.Response) })))
}

// writeLanes queues the health and counters of the lanes that changed.
func (w *settling) writeLanes(t *txn) {
	var touched, counted []*lane
	var wakes []int64
	for _, l := range w.lanes {
		if l.touched {
			touched = append(touched, l)
		}
		if l.hour.Delivered+l.hour.Failed > 0 {
			counted = append(counted, l)
		}
		if l.wake {
			wakes = append(wakes, l.lane)
		}
	}
	if len(touched) > 0 {
		t.exec("putHealth",
			column(touched, func(l *lane) int64 { return l.lane }),
			column(touched, func(l *lane) string { return string(l.health.Last) }),
			column(touched, func(l *lane) *time.Time { return orNull(l.health.At) }),
			column(touched, func(l *lane) string { return l.health.EventID }),
			column(touched, func(l *lane) int32 { return int32(l.health.Attempt) }),
			column(touched, func(l *lane) *time.Time { return orNull(l.health.NextAt) }),
			column(touched, func(l *lane) int32 { return int32(l.health.Status) }),
			column(touched, func(l *lane) string { return l.health.Class }),
			column(touched, func(l *lane) string { return l.health.Error }),
			blobs(column(touched, func(l *lane) blob { return orNone(l.health.Response) })),
			column(touched, func(l *lane) bool { return l.health.InError }),
			column(touched, func(l *lane) string { return l.health.Reason }),
			column(touched, func(l *lane) *time.Time { return orNull(l.health.FailingSince) }),
			column(touched, func(l *lane) int64 { return int64(l.health.Undelivered) }),
			column(touched, func(l *lane) string { return l.health.LastReason }),
			column(touched, func(l *lane) *time.Time { return orNull(l.reasonAt) }),
			column(touched, func(l *lane) int32 { return int32(l.deadInRow) }))
	}
	if len(counted) > 0 {
		t.exec("count",
			column(counted, func(l *lane) int64 { return l.lane }),
			column(counted, func(l *lane) int64 { return int64(l.hour.Delivered) }),
			column(counted, func(l *lane) int64 { return int64(l.hour.Failed) }),
			column(counted, func(l *lane) int64 { return int64(l.hour.Latency) }),
			w.now)
	}
	if len(wakes) > 0 {
		t.exec("wake", wakes)
	}
}
