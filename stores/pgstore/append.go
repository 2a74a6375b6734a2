package pgstore

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/autoreach/webhook"
)

// append stores what is new and finds the first ones of what is not.
func (s *Store) append(ctx context.Context, x executor, events []webhook.EventRecord) ([]webhook.Appended, error) {
	out := make([]webhook.Appended, len(events))
	left := make([]int, len(events)) // indexes that have no result yet
	for i := range events {
		if !isID(events[i].ID) {
			return nil, errors.New("pgstore: the event's ID " + events[i].ID + " is not a UUID")
		}
		left[i] = i
	}
	// One round, unless a duplicate's first one is forgotten in between, or
	// did not use the key that another one in the slice has.
	for range tries {
		if len(left) == 0 {
			return out, nil
		}
		stored, err := s.insert(ctx, x, events, left)
		if err != nil {
			return nil, err
		}
		var others []int
		for _, i := range left {
			if n, ok := stored[events[i].ID]; ok {
				out[i] = webhook.Appended{ID: events[i].ID, Deliveries: n}
				delete(stored, events[i].ID) // the same again is a duplicate
			} else {
				others = append(others, i)
			}
		}
		if left, err = s.duplicates(ctx, x, events, others, out); err != nil {
			return nil, err
		}
	}
	return nil, errors.New("pgstore: duplicates of an event come and go; try again")
}

// insert stores those of the events with these indexes that are new, one for
// each ID and key. It returns how many deliveries each stored one has.
func (s *Store) insert(ctx context.Context, x executor, events []webhook.EventRecord, indexes []int) (map[string]int, error) {
	var ids uuids
	var accounts, types, keys, subjects []string
	var occurred []time.Time
	var bodies blobs
	var windows []int64
	type key struct{ account, key string }
	seenID, seenKey := map[string]bool{}, map[key]bool{}
	for _, i := range indexes {
		e := &events[i]
		k := key{e.Account, e.Key}
		if seenID[e.ID] || e.Key != "" && seenKey[k] {
			continue
		}
		seenID[e.ID], seenKey[k] = true, true
		ids.add(e.ID)
		accounts, types = append(accounts, text(e.Account)), append(types, text(e.Type))
		occurred, bodies = append(occurred, e.OccurredAt), append(bodies, e.Body)
		keys, windows = append(keys, text(e.Key)), append(windows, e.KeyWindow.Microseconds())
		subjects = append(subjects, text(e.Subject))
	}
	stored := make(map[string]int, len(ids))
	err := x.query(ctx, s.sql.get("append"), []any{ids, accounts, types, occurred, bodies, keys, windows, subjects}, func(r scanner) error {
		var id string
		var n int
		err := r.Scan(&id, &n)
		stored[id] = n
		return err
	})
	return stored, err
}

// duplicates fills in the results of those that were stored before, and
// returns the indexes of those that turn out not to have been.
func (s *Store) duplicates(ctx context.Context, x executor, events []webhook.EventRecord, indexes []int, out []webhook.Appended) ([]int, error) {
	if len(indexes) == 0 {
		return nil, nil
	}
	var ids uuids
	var accounts, keys []string
	for _, i := range indexes {
		e := &events[i]
		ids.add(e.ID)
		accounts, keys = append(accounts, text(e.Account)), append(keys, text(e.Key))
	}
	found := make([]bool, len(indexes))
	err := x.query(ctx, s.sql.get("first"), []any{ids, accounts, keys}, func(r scanner) error {
		var o, n int
		var id string
		var taken bool
		if err := r.Scan(&o, &id, &n, &taken); err != nil {
			return err
		}
		if taken {
			return fmt.Errorf("%w: the ID of event %s is taken", webhook.ErrConflict, id)
		}
		found[o-1] = true
		out[indexes[o-1]] = webhook.Appended{ID: id, Deliveries: n, Duplicate: true}
		return nil
	})
	var left []int
	for j, i := range indexes {
		if !found[j] {
			left = append(left, i)
		}
	}
	return left, err
}
