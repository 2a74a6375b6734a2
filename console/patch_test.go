package console

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// No number becomes a duration that another processor makes of it, and none
// but 0 becomes 0, which is the default.
func TestDuration(t *testing.T) {
	for n, want := range map[float64]time.Duration{0: 0, 1.5: 90 * time.Minute, -2: -2 * time.Hour, 1e-12: 3, 1e-13: 1, 1e-300: 1, -1e-300: 1, math.SmallestNonzeroFloat64: 1,
		1e7: 1e6 * time.Hour, math.MaxFloat64: 1e6 * time.Hour, -math.MaxFloat64: -1e6 * time.Hour, math.Inf(1): 1e6 * time.Hour, math.Inf(-1): -1e6 * time.Hour} {
		require.Equal(t, want, duration(n, time.Hour), "%v", n)
	}
	require.EqualValues(t, 1, duration(math.NaN(), time.Hour))
}
