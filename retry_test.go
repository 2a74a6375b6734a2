package webhook

import (
	"bufio"
	"encoding/json"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestRetryAfterTable runs the forms that endpoints send.
func TestRetryAfterTable(t *testing.T) {
	f, err := os.Open("testdata/retry_after.jsonl")
	require.NoError(t, err)
	defer f.Close()
	rows := 0
	for s := bufio.NewScanner(f); s.Scan(); rows++ {
		var row struct {
			RetryAfter json.RawMessage `json:"retry_after"`
			Schedule   int             `json:"schedule_s"`
			Cap        int             `json:"cap_s"`
			Now        time.Time       `json:"now"`
			Expect     int             `json:"expect_s"`
			AlsoOK     []int           `json:"also_ok_s"`
			Why        string          `json:"why"`
		}
		require.NoError(t, json.Unmarshal(s.Bytes(), &row))
		var lines []string
		if one := ""; json.Unmarshal(row.RetryAfter, &one) == nil && string(row.RetryAfter) != "null" {
			lines = []string{one}
		} else {
			require.NoError(t, json.Unmarshal(row.RetryAfter, &lines))
		}
		limit := time.Duration(row.Cap) * time.Second
		schedule := time.Duration(row.Schedule) * time.Second
		got := max(schedule, min(parseRetryAfter(lines, row.Now, limit), limit))
		ok := append(row.AlsoOK, row.Expect)
		require.True(t, slices.Contains(ok, int(got/time.Second)), "%s: got %v, want one of %v s", row.Why, got, ok)
	}
	require.Greater(t, rows, 20)
}

// TestRetryAfterForms: the three forms of a date, all in GMT, and what is none.
func TestRetryAfterForms(t *testing.T) {
	local := time.Local
	t.Cleanup(func() { time.Local = local })
	time.Local = time.FixedZone("PST", -8*60*60)
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for text, want := range map[string]time.Duration{
		"Thu, 01 Jan 2026 00:05:00 GMT":      5 * time.Minute,
		"Thursday, 01-Jan-26 00:05:00 GMT":   5 * time.Minute,
		"Thu Jan  1 00:05:00 2026":           5 * time.Minute,
		"Fri, 31 Dec 9999 23:59:59 GMT":      MaxRetryAfter,
		"Thursday, 01-Jan-26 00:05:00 PST":   0,
		"Thursday, 01-Jan-26 00:05:00 EST":   0,
		"Thursday, 01-Jan-26 00:05:00 UTC":   0,
		"Thu, 01 Jan 2026 00:05:00 PST":      0,
		"Thu, 01 Jan 2026 00:05:00 +0000":    0,
		"Thu, 01 Jan 2026 24:05:00 GMT":      0,
		"Thu, 32 Jan 2026 00:05:00 GMT":      0,
		"Friday, 31-Dec-99 23:59:59 GMT":     0, // 1999
		"2026-01-01T00:05:00Z":               0,
		"1767226200":                         MaxRetryAfter, // a number is a delay
		"0000000000000000000000000000000120": 2 * time.Minute,
		"\t 120 \t":                          2 * time.Minute,
		"+120":                               0, "-120": 0, "1e3": 0, "120.5": 0, "120,240": 0, "120 240": 0, "0x78": 0, "\u0661\u0662\u0660": 0,
		"120\u00a0": 0, "120\n": 0, "NaN": 0, "Infinity": 0, "\x00": 0,
		"21600": 6 * time.Hour, "21601": MaxRetryAfter, "9223372037": MaxRetryAfter, "18446744073709551617": MaxRetryAfter,
	} {
		require.Equal(t, want, parseRetryAfter([]string{text}, now, MaxRetryAfter), "%q", text)
	}
	require.Zero(t, parseRetryAfter([]string{"120", "120"}, now, MaxRetryAfter), "two lines are ambiguous")
	require.Zero(t, parseRetryAfter(nil, now, MaxRetryAfter))
}

// FuzzRetryAfter holds the bounds for whatever a stranger sends.
func FuzzRetryAfter(f *testing.F) {
	for _, s := range []string{"", "0", "120", "9223372036854775808", "-1", "Thu, 01 Jan 2026 00:05:00 GMT", " Thu, 01 Jan 2026 00:05:00 GMT", " 7\t"} {
		f.Add(s)
	}
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, s string) {
		d := parseRetryAfter([]string{s}, now, MaxRetryAfter)
		if d < 0 || d > MaxRetryAfter {
			t.Fatalf("%q gives %v", s, d)
		}
		// White space around a field's value is not part of it (RFC 9110, 5.5).
		s = strings.Trim(s, " \t")
		if _, err := http.ParseTime(s); err != nil && d > 0 && strings.Trim(s, "0123456789") != "" {
			t.Fatalf("%q gives %v", s, d)
		}
	})
}

func TestRetryDelay(t *testing.T) {
	p := DefaultSchedule()
	require.Equal(t, 4, attempts(p), "the first attempt and up to 3 retries")
	for n, want := range []time.Duration{30 * time.Second, 10 * time.Minute, 2 * time.Hour} {
		low, high := time.Duration(1<<62), time.Duration(0)
		for range 1000 {
			d, ok := retryDelay(p, n+1, 0, 0)
			require.True(t, ok)
			low, high = min(low, d), max(high, d)
		}
		require.GreaterOrEqual(t, low, want, "never early")
		require.LessOrEqual(t, high, want+want/10, "at most a tenth of jitter")
		require.Greater(t, high-low, want/20, "and jitter there is")
	}
	_, ok := retryDelay(p, 4, 0, 0)
	require.False(t, ok)

	d, _ := retryDelay(p, 1, 0, time.Hour)
	require.Equal(t, time.Hour, d, "Retry-After counts when it is longer")
	d, _ = retryDelay(p, 1, 0, 24*time.Hour)
	require.Equal(t, MaxRetryAfter, d, "but not for ever")
	d, _ = retryDelay(p, 2, MaxRetryAfter, 0)
	require.Equal(t, MaxRetryAfter+MaxRetryAfter/10, d, "delays always increase")
}

// TestRetriesSpread: 10,000 deliveries fail in the same second, and go on failing.
// No second sees more than a twentieth of their second retries, or of their third.
func TestRetriesSpread(t *testing.T) {
	const failed = 10_000
	var busiest [3]int
	var seconds [3]map[time.Duration]int
	for range failed {
		at, last := time.Duration(0), time.Duration(0)
		for n := range seconds {
			d, ok := retryDelay(DefaultSchedule(), n+1, last, 0)
			require.True(t, ok)
			at, last = at+d, d
			if seconds[n] == nil {
				seconds[n] = map[time.Duration]int{}
			}
			s := at.Truncate(time.Second)
			seconds[n][s]++
			busiest[n] = max(busiest[n], seconds[n][s])
		}
	}
	require.LessOrEqual(t, busiest[1], failed/20)
	require.LessOrEqual(t, busiest[2], failed/20)
}

func TestExponentialSchedule(t *testing.T) {
	s := ExponentialSchedule(8, time.Minute, time.Hour)
	require.Equal(t, Schedule{1 * time.Minute, 2 * time.Minute, 4 * time.Minute, 8 * time.Minute, 16 * time.Minute,
		32 * time.Minute, time.Hour, time.Hour}, s, "no jitter, no end after 15 minutes, never over the limit")
}

func TestEndlessPolicyIsRefused(t *testing.T) {
	_, err := New(NewMemoryStore(nil), &Options{Retry: endless{}})
	require.ErrorContains(t, err, "Options.Retry")
}

func TestPoliciesThatAreRefused(t *testing.T) {
	_, err := New(NewMemoryStore(nil), &Options{Retry: ExponentialSchedule(100, time.Second, time.Minute)})
	require.NoError(t, err, "which is the most")
	for want, p := range map[string]RetryPolicy{
		"at most 100 retries": ExponentialSchedule(101, time.Second, time.Minute),
		"panicked: no table":  broken{},
	} {
		_, err := New(NewMemoryStore(nil), &Options{Retry: p})
		require.ErrorContains(t, err, "Options.Retry")
		require.ErrorContains(t, err, want)
	}
	require.Empty(t, ExponentialSchedule(-1, time.Second, time.Minute))
}

type broken struct{}

func (broken) Delay(int) (time.Duration, bool) { panic("no table") }

type endless struct{}

func (endless) Delay(int) (time.Duration, bool) { return time.Second, true }
