package sqlitestore

// last is the last number of events and deliveries that was taken.
func (t *txn) last() (n int64, err error) {
	_, err = t.get(`SELECT value FROM webhook_meta WHERE name = 'last'`, nil, &n)
	return n, err
}

// took notes what is the last number now.
func (t *txn) took(last int64) error {
	_, err := t.exec(`UPDATE webhook_meta SET value = ? WHERE name = 'last'`, last)
	return err
}

// widen moves a delivery to webhook_deliveries, where anything can happen to
// it, if it is in one of the tables for what goes well. It says whether it was.
func (t *txn) widen(id int64) (bool, error) {
	waited, err := t.unqueue(id)
	if err != nil || waited {
		return waited, err
	}
	n, err := t.exec(`INSERT INTO webhook_deliveries (id, lane, event, type, state, due, created_at, attempts, recorded, finished_at)
		SELECT id, lane, event, type, 1, created_at, created_at, 1, 1, finished_at FROM webhook_delivered WHERE id = ?`, id)
	if err != nil || n == 0 {
		return false, err
	}
	if _, err := t.exec(`INSERT INTO webhook_attempts (delivery, n, token, at, took, result, status, class, error, response)
		SELECT id, 1, token, finished_at, took, 'delivered', status, '', '', response FROM webhook_delivered WHERE id = ?`, id); err != nil {
		return false, err
	}
	_, err = t.exec(`DELETE FROM webhook_delivered WHERE id = ?`, id)
	return true, err
}

// unqueue is widen for one that waits for its first attempt.
func (t *txn) unqueue(id int64) (bool, error) {
	n, err := t.exec(`INSERT INTO webhook_deliveries (id, lane, event, type, due, created_at)
		SELECT id, lane, event, type, created_at, created_at FROM webhook_queue WHERE id = ?`, id)
	if err != nil || n == 0 {
		return false, err
	}
	_, err = t.exec(`DELETE FROM webhook_queue WHERE id = ?`, id)
	return true, err
}

// soon is how long after the emit a delivery may be accepted to be kept in
// webhook_delivered: Purge goes through that in the order of emitting.
const soon = 3_600_000_000 // an hour, in microseconds
