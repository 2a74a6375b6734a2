package webhook

import "github.com/google/uuid"

// newID returns a UUIDv7: unique, and in the order of time.
func newID() string { return uuid.Must(uuid.NewV7()).String() }

func validID(s string) bool {
	u, err := uuid.Parse(s)
	return err == nil && u.String() == s
}
