package fair

import "time"

const (
	// TenureSends is how many deliveries a lane's holder may send before it
	// gives the lane back.
	TenureSends = 64

	// TenureTime is how long a lane's holder may keep it.
	TenureTime = 250 * time.Millisecond
)

// Tenure is the time a lane has been held. Any number of lanes share the
// processes only if none stays for ever.
type Tenure struct {
	Since time.Time // when the lane was claimed
	Sends int       // deliveries begun since
}

// Over reports whether the lane is to be given back: after TenureSends deliveries
// or TenureTime, but only if other lanes wait to be held.
func (t Tenure) Over(now time.Time, othersWait bool) bool {
	return othersWait && (t.Sends >= TenureSends || now.Sub(t.Since) >= TenureTime)
}
