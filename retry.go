package webhook

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"time"

	"github.com/cenkalti/backoff/v4"
)

// A RetryPolicy says how often a failed delivery is tried again, and when.
type RetryPolicy interface {
	// Delay returns the least time between a failed attempt and retry n (1
	// for the first), or false when there is no such retry. It must be a
	// pure function of n, and false for some n up to 101. An endpoint waits for
	// longer where Retry-After asks for it, and always for a tenth longer than
	// before the attempt that failed: delays increase.
	Delay(n int) (time.Duration, bool)
}

// Schedule is a [RetryPolicy] of fixed delays, one for each retry. Since delays
// increase by a tenth at least, equal ones do not stay equal: 24 times an hour are
// 88 hours, which is longer than deliveries wait by default
// ([Options.ExpireAfter]).
type Schedule []time.Duration

// Delay implements [RetryPolicy].
func (s Schedule) Delay(n int) (time.Duration, bool) {
	if n < 1 || n > len(s) {
		return 0, false
	}
	return s[n-1], true
}

// DefaultSchedule returns the default: three retries, after 30 seconds, 10
// minutes and 2 hours.
func DefaultSchedule() Schedule { return Schedule{30 * time.Second, 10 * time.Minute, 2 * time.Hour} }

// ExponentialSchedule returns a schedule of n delays that begin with first
// and double up to limit; from there on they increase by a tenth.
func ExponentialSchedule(n int, first, limit time.Duration) Schedule {
	curve := backoff.NewExponentialBackOff(
		backoff.WithInitialInterval(first),
		backoff.WithMultiplier(2),
		backoff.WithRandomizationFactor(0), // jitter is added to every policy's delay, see retryDelay
		backoff.WithMaxInterval(limit),
		backoff.WithMaxElapsedTime(0), // the default stops after 15 minutes
	)
	s := make(Schedule, max(0, n))
	for i := range s {
		s[i] = min(curve.NextBackOff(), limit)
	}
	return s
}

const (
	// retryJitter spreads retries that failed in the same second.
	retryJitter = 0.10

	// MaxRetryAfter is the longest that an endpoint can ask to be left alone
	// for by Retry-After.
	MaxRetryAfter = 6 * time.Hour
)

// attempts is how many attempts the policy allows, the first included: more than
// maxRetries+1 if it never ends.
func attempts(p RetryPolicy) int {
	n := 1
	for n <= maxRetries+1 {
		if _, ok := p.Delay(n); !ok {
			break
		}
		n++
	}
	return n
}

// tried is attempts of a policy that may panic.
func tried(p RetryPolicy) (n int, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("it panicked: %v", r)
		}
	}()
	return attempts(p), nil
}

const maxRetries = 100

// maxDelay bounds what a policy can ask for.
const maxDelay = 365 * 24 * time.Hour

// retryDelay is the time from a failed attempt to retry n: the largest of the
// policy's delay with jitter, what the endpoint asked for, and a tenth more
// than the delay before, so that delays always increase.
func (d *Dispatcher) retryDelay(n int, last, retryAfter time.Duration) (delay time.Duration, ok bool) {
	defer func() {
		if r := recover(); r != nil {
			d.options.Logger.Error("webhook: panic; the default schedule is used", "in", "Options.Retry", "panic", fmt.Sprint(r))
			delay, ok = retryDelay(DefaultSchedule(), n, last, retryAfter)
		}
	}()
	return retryDelay(d.options.Retry, n, last, retryAfter)
}

func retryDelay(p RetryPolicy, n int, last, retryAfter time.Duration) (time.Duration, bool) {
	d, ok := p.Delay(n)
	if !ok {
		return 0, false
	}
	d = min(max(d, 0), maxDelay)
	return max(jitter(d), min(retryAfter, MaxRetryAfter), last+last/10), true
}

// parseRetryAfter reads a Retry-After header (RFC 9110, 10.2.3): seconds or
// an HTTP date. Whatever is absent, repeated, malformed or past is 0; what is
// longer than limit is limit.
func parseRetryAfter(lines []string, now time.Time, limit time.Duration) time.Duration {
	if len(lines) != 1 {
		return 0
	}
	s := strings.Trim(lines[0], " \t")
	if s != "" && strings.Trim(s, "0123456789") == "" {
		n := time.Duration(0)
		for _, c := range s { // compare before multiplying: 9223372037 seconds overflow
			if n = n*10 + time.Duration(c-'0'); n > limit/time.Second {
				return limit
			}
		}
		return n * time.Second
	}
	at, err := http.ParseTime(s)
	if err != nil || !strings.HasSuffix(s, "GMT") && strings.TrimRight(s, "0123456789") == s {
		return 0 // ParseTime takes other zones in RFC 850's form, and reads them by this machine's
	}
	return min(max(at.Sub(now), 0), limit)
}

// storeBackoff spaces calls of a store that fails: 50 ms at first, then
// longer, up to 5 s, each up to a half less or more.
type storeBackoff struct{ curve *backoff.ExponentialBackOff }

func newStoreBackoff() storeBackoff {
	return storeBackoff{backoff.NewExponentialBackOff(
		backoff.WithInitialInterval(50*time.Millisecond),
		backoff.WithMaxInterval(5*time.Second),
		backoff.WithMaxElapsedTime(0),
	)}
}

func (b storeBackoff) reset() { b.curve.Reset() }

// wait returns when the next call may be made, or ctx has ended.
func (b storeBackoff) wait(ctx context.Context) { wait(ctx, nil, b.curve.NextBackOff()) }

// wait waits for a signal, for d, or for the end of ctx, and says whether the
// signal came.
func wait(ctx context.Context, signal <-chan struct{}, d time.Duration) bool {
	if d <= 0 { // at once: a timer would be made to be stopped
		select {
		case <-signal:
			return true
		default:
			return false
		}
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-signal:
		return true
	case <-t.C:
	case <-ctx.Done():
	}
	return false
}

// jitter lengthens d by up to a tenth.
func jitter(d time.Duration) time.Duration {
	return d + time.Duration(float64(d)*retryJitter*rand.Float64())
}
