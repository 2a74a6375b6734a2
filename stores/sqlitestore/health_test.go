package sqlitestore

import (
	"strings"
	"testing"
	"time"

	"github.com/autoreach/webhook"
)

// The health keeps whole characters of an answer.
func TestExcerptOfWholeCharacters(t *testing.T) {
	t.Parallel()
	s, ctx := openNew(t), t.Context()
	check[webhook.Endpoint](t)(s.PutEndpoint(ctx, endpoint("ep"), 10))
	check[[]webhook.Appended](t)(s.Append(ctx, []webhook.EventRecord{event(0)}))
	claims, _, err := s.Claim(ctx, 1, time.Minute)
	check[any](t)(nil, err)
	h := claims[0].Hold
	d := check[[]webhook.Batch](t)(s.Due(ctx, []webhook.Want{{Hold: h, Max: 1}}))[0].Deliveries[0]
	answer := strings.Repeat("€", 1000)
	check[webhook.Settled](t)(s.Settle(ctx, []webhook.Outcome{{Hold: h, Delivery: d.ID, State: webhook.StatePending,
		Attempt: &webhook.Attempt{Result: webhook.ResultFailed, Status: 500, Error: "500", Response: []byte(answer)}}}, nil))
	got := string(check[[]webhook.EndpointRecord](t)(s.Endpoints(ctx, webhook.EndpointQuery{Account: "acct"}))[0].Health.Response)
	if want := answer[:1023]; got != want {
		t.Errorf("the health has %d bytes of the answer, ending in %q; want the %d of whole characters", len(got), got[max(len(got)-6, 0):], len(want))
	}
}
