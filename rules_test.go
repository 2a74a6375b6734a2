package webhook

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/autoreach/webhook/events"
)

func newDispatcher(t testing.TB, opts *Options) *Dispatcher {
	t.Helper()
	d, err := New(NewMemoryStore(nil), opts)
	require.NoError(t, err)
	return d
}

// good is an endpoint that every rule accepts.
func good() Endpoint {
	return Endpoint{Account: "acct_1", Name: "CRM Sync", URL: "https://crm.example.com/hooks", Events: []EventType{events.LeadScored}}
}

func fields(t testing.TB, err error) map[string]FieldError {
	t.Helper()
	var invalid *InvalidError
	require.ErrorAs(t, err, &invalid)
	m := map[string]FieldError{}
	for _, f := range invalid.Fields {
		m[f.Field] = f
	}
	return m
}

func TestEndpointRules(t *testing.T) {
	for name, c := range map[string]struct {
		change        func(*Endpoint)
		field, code   string
		bound, wayOut string
	}{
		"no account":        {func(e *Endpoint) { e.Account = "" }, "account", "required", "", "whose"},
		"account too long":  {func(e *Endpoint) { e.Account = strings.Repeat("a", 201) }, "account", "too_long", "200", "limit"},
		"account unprinted": {func(e *Endpoint) { e.Account = "a\x00" }, "account", "character", "", "control"},
		"no name":           {func(e *Endpoint) { e.Name = " " }, "name", "required", "", "give the webhook a name"},
		"name too long":     {func(e *Endpoint) { e.Name = strings.Repeat("é", 101) }, "name", "too_long", "100", "limit"},
		"name with bell":    {func(e *Endpoint) { e.Name = "a\x07b" }, "name", "character", "", "use letters"},
		"no URL":            {func(e *Endpoint) { e.URL = "" }, "url", "required", "", "enter the https"},
		"plain http":        {func(e *Endpoint) { e.URL = "http://crm.example.com/" }, "url", "url_scheme", "", "https"},
		"private address":   {func(e *Endpoint) { e.URL = "https://10.0.0.1/" }, "url", "url_address", "", "not allowed"},
		"localhost":         {func(e *Endpoint) { e.URL = "https://localhost/" }, "url", "url_local_name", "", ""},
		"no event":          {func(e *Endpoint) { e.Events = nil }, "events", "required", "", "lead.scored"},
		"unknown event":     {func(e *Endpoint) { e.Events = []EventType{"lead.eaten"} }, "events", "unknown_event", "", "lead.scored"},
		"two events":        {func(e *Endpoint) { e.Events = append(e.Events, events.LeadCreated) }, "events", "too_many", "1", "create another webhook"},
		"short secret":      {func(e *Endpoint) { e.Secret = "123456789012345" }, "secret", "too_short", "16", "at least 16"},
		"long secret":       {func(e *Endpoint) { e.Secret = Secret(strings.Repeat("a", 1025)) }, "secret", "too_long", "1024", "limit"},
		"secret newline":    {func(e *Endpoint) { e.Secret = "1234567890123456\n" }, "secret", "white_space", "", "white space"},
		"secret space":      {func(e *Endpoint) { e.Secret = " 1234567890123456" }, "secret", "white_space", "", "white space"},
		"secret not UTF-8":  {func(e *Endpoint) { e.Secret = "1234567890123456\xff" }, "secret", "character", "", "UTF-8"},
		"malformed whsec_":  {func(e *Endpoint) { e.Secret = "whsec_not!base64!!!" }, "secret", "malformed_key", "", "generated"},
		"no signing key":    {func(e *Endpoint) { e.SigningKey = GenerateSecret() }, "signing_key", "malformed_key", "", "generated"},
		"public key":        {func(e *Endpoint) { e.SigningKey = "whpk_1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4=" }, "signing_key", "malformed_key", "", "public"},
		"seed alone":        {func(e *Endpoint) { e.SigningKey = Secret("whsk_" + strings.Repeat("A", 43) + "=") }, "signing_key", "malformed_key", "", "seed"},
		"short whsec_":      {func(e *Endpoint) { e.Secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILA==" }, "secret", "malformed_key", "", "generated"},
		"reserved header":   {func(e *Endpoint) { e.Headers = map[string]string{"Host": "x"} }, "headers.Host", "header_reserved", "", ""},
		"same header twice": {func(e *Endpoint) { e.Headers = map[string]string{"X-Key": "1", "x-key": "2"} }, "headers.x-key", "header_twice", "", "keep one"},
		"large headers": {func(e *Endpoint) {
			e.Headers = map[string]string{}
			for i := range 5 { // each is within its own bound
				e.Headers["X-Key-"+itoa(i)] = strings.Repeat("v", 4000)
			}
		}, "headers", "too_long", "16384", "limit"},
		"many headers":   {func(e *Endpoint) { e.Headers = manyHeaders(21) }, "headers", "too_many", "20", "limit"},
		"short timeout":  {func(e *Endpoint) { e.Timeout = time.Millisecond }, "timeout", "range", "1s to 1m0s", "use 1s"},
		"long timeout":   {func(e *Endpoint) { e.Timeout = time.Hour }, "timeout", "range", "1s to 1m0s", "use 1s"},
		"wide":           {func(e *Endpoint) { e.MaxInFlight = 1001 }, "max_in_flight", "range", "1000", "use 1 to"},
		"negative width": {func(e *Endpoint) { e.MaxInFlight = -1 }, "max_in_flight", "range", "1000", "use 1 to"},
		"negative rate":  {func(e *Endpoint) { e.PerSecond = -1 }, "per_second", "range", "0.001 to 10000", "use"},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDispatcher(t, nil)
			e := good()
			c.change(&e)
			_, err := d.CreateEndpoint(t.Context(), e)
			got := fields(t, err)
			require.Len(t, got, 1, "only what is wrong: %v", err)
			f := got[c.field]
			require.Equal(t, c.code, f.Code, "%v", err)
			require.Equal(t, c.bound, f.Bound)
			require.Contains(t, f.Message, c.wayOut)
			if e.Secret != "" {
				require.NotContains(t, err.Error(), strings.TrimSpace(e.Secret.Reveal()), "no error prints a secret")
			}
			st, err := d.Stats(t.Context())
			require.NoError(t, err)
			require.Zero(t, st.Endpoints, "nothing is stored")
		})
	}
}

func manyHeaders(n int) map[string]string {
	h := map[string]string{}
	for i := range n {
		h[fmt.Sprintf("X-K%d", i)] = "v"
	}
	return h
}

func TestSeveralWrongFieldsAreReportedTogether(t *testing.T) {
	d := newDispatcher(t, nil)
	_, err := d.CreateEndpoint(t.Context(), Endpoint{Account: "a", URL: "ftp://x", Secret: "short"})
	got := fields(t, err)
	for _, f := range []string{"name", "url", "events", "secret"} {
		require.Contains(t, got, f)
	}
	require.Len(t, got, 4)
}

func TestGoodEndpoints(t *testing.T) {
	d := newDispatcher(t, nil)
	for i, secret := range []Secret{"", "1234567890123456", "pässwörd-mit-16!", GenerateSecret()} {
		e := good()
		e.Account, e.Secret = fmt.Sprint(i), secret
		e.Headers = map[string]string{"X-Api-Key": "k_123"}
		e, err := d.CreateEndpoint(t.Context(), e)
		require.NoError(t, err)
		require.True(t, e.Enabled)
		require.Equal(t, secret != "", e.HasSecret)
		require.Empty(t, e.Secret.Reveal(), "never shown again")
	}
}

func TestHostTables(t *testing.T) {
	d := newDispatcher(t, nil)
	refused := func(file string, change func(*Endpoint, map[string]string)) {
		f, err := os.Open(file)
		require.NoError(t, err)
		defer f.Close()
		rows := 0
		for s := bufio.NewScanner(f); s.Scan(); {
			var row map[string]any
			require.NoError(t, json.Unmarshal(s.Bytes(), &row))
			if layer, ok := row["layer"]; ok && layer != "create" {
				continue
			}
			text := map[string]string{}
			for k, v := range row {
				text[k], _ = v.(string)
			}
			e := good()
			change(&e, text)
			rows++
			_, err := d.CreateEndpoint(t.Context(), e)
			require.Error(t, err, "%s", s.Text())
			stored, err2 := d.CreateEndpoint(t.Context(), Endpoint{Account: fmt.Sprint(file, rows), Name: "n", URL: "https://ok.example.com/", Events: e.Events})
			require.NoError(t, err2)
			_, err = d.UpdateEndpoint(t.Context(), stored.Account, stored.ID, 0, EndpointPatch{URL: Set(e.URL), Headers: Set(e.Headers)})
			require.Error(t, err, "the same at update: %s", s.Text())
			_, err = d.Test(t.Context(), stored.Account, stored.ID, events.LeadScored, EndpointPatch{URL: Set(e.URL), Headers: Set(e.Headers)})
			require.Error(t, err, "the same at a test: %s", s.Text())
		}
		require.Greater(t, rows, 20)
	}
	refused("internal/guard/testdata/bad_urls.jsonl", func(e *Endpoint, row map[string]string) { e.URL = row["url"] })
	refused("internal/guard/testdata/bad_headers.jsonl", func(e *Endpoint, row map[string]string) {
		e.Headers = map[string]string{row["name"]: row["value"]}
	})
}

func TestTenWebhooksPerAccount(t *testing.T) {
	d := newDispatcher(t, nil)
	var wg sync.WaitGroup
	var mu sync.Mutex
	created, refused := 0, 0
	for range 100 {
		wg.Go(func() {
			_, err := d.CreateEndpoint(context.Background(), good())
			mu.Lock()
			defer mu.Unlock()
			switch {
			case err == nil:
				created++
			case errors.Is(err, ErrLimit):
				refused++
			}
		})
	}
	wg.Wait()
	require.Equal(t, 10, created)
	require.Equal(t, 90, refused)

	_, err := d.CreateEndpoint(t.Context(), good())
	require.Equal(t, "10", fields(t, err)["account"].Bound)
	require.ErrorContains(t, err, "delete one")

	list, err := d.ListEndpoints(t.Context(), EndpointQuery{Account: "acct_1"})
	require.NoError(t, err)
	require.Len(t, list, 10)
	_, err = d.DisableEndpoint(t.Context(), "acct_1", list[0].ID, DisabledByCustomer)
	require.NoError(t, err)
	_, err = d.CreateEndpoint(t.Context(), good())
	require.ErrorIs(t, err, ErrLimit, "disabled ones count")
	require.NoError(t, d.DeleteEndpoint(t.Context(), "acct_1", list[0].ID))
	_, err = d.CreateEndpoint(t.Context(), good())
	require.NoError(t, err, "a delete frees one place")
	_, err = d.CreateEndpoint(t.Context(), good())
	require.ErrorIs(t, err, ErrLimit, "and only one")
}

func TestLimitByPlan(t *testing.T) {
	limit := 3
	d := newDispatcher(t, &Options{EndpointLimit: func(account string) int {
		if account == "acct_1" {
			return limit
		}
		return 1
	}})
	for range 3 {
		_, err := d.CreateEndpoint(t.Context(), good())
		require.NoError(t, err)
	}
	limit = 1
	list, err := d.ListEndpoints(t.Context(), EndpointQuery{Account: "acct_1"})
	require.NoError(t, err)
	require.Len(t, list, 3, "lowering the limit removes nothing")
	_, err = d.UpdateEndpoint(t.Context(), "acct_1", list[2].ID, 0, EndpointPatch{Name: Set("still editable")})
	require.NoError(t, err)
	_, err = d.CreateEndpoint(t.Context(), good())
	require.ErrorIs(t, err, ErrLimit)
}

// A query says whose it is: without an account it is a mistake and not empty.
func TestQueriesWithoutAccount(t *testing.T) {
	d, ctx := newDispatcher(t, nil), t.Context()
	_, endpoints := d.ListEndpoints(ctx, EndpointQuery{})
	_, deliveries := d.ListDeliveries(ctx, DeliveryQuery{})
	_, dismissed := d.Dismiss(ctx, DeliveryQuery{})
	_, recovered := d.Recover(ctx, "", "", time.Time{}, time.Time{}, 0)
	_, wanted := d.Wants(ctx, "", events.LeadScored)
	errs := map[string]error{"Wants": wanted, "Recover": recovered, "ListEndpoints": endpoints, "ListDeliveries": deliveries, "Dismiss": dismissed}
	for _, err := range d.Deliveries(ctx, DeliveryQuery{}) {
		errs["Deliveries"] = err
	}
	for _, err := range d.Endpoints(ctx, "") {
		errs["Endpoints"] = err
	}
	require.Len(t, errs, 7)
	for name, err := range errs {
		require.Equal(t, "required", fields(t, err)["account"].Code, name)
	}
}

// An empty list is not one that was left out.
func TestEmptyOptions(t *testing.T) {
	_, err := New(NewMemoryStore(nil), &Options{Events: []events.Type{}, Signers: []Signer{}})
	require.Equal(t, "required", fields(t, err)["Options.Events"].Code)
	require.Equal(t, "required", fields(t, err)["Options.Signers"].Code)
}

func TestOptionsOutOfBounds(t *testing.T) {
	for field, o := range map[string]*Options{
		"Options.Timeout":           {Timeout: time.Hour},
		"Options.Lease":             {Lease: time.Millisecond},
		"Options.Grace":             {Grace: -1},
		"Options.ExpireAfter":       {ExpireAfter: time.Second},
		"Options.BodyRetention":     {BodyRetention: time.Hour},
		"Options.LogRetention":      {LogRetention: time.Hour},
		"Options.KeyWindow":         {KeyWindow: 1},
		"Options.MaxPayload":        {MaxPayload: -1},
		"Options.MaxInFlight":       {MaxInFlight: 1 << 20},
		"Options.MaxInFlightTotal":  {MaxInFlightTotal: -5},
		"Options.MaxInFlightHost":   {MaxInFlightHost: -5},
		"Options.EventsPerEndpoint": {EventsPerEndpoint: 101},
		"Options.UserAgent":         {UserAgent: "a\r\nb"},
		"Options.Events":            {Events: []events.Type{{Name: "x"}}},
		"Options.AllowPrefixes":     {AllowPrefixes: []netip.Prefix{{}}},
		"Options.DisableAfter":      {DisableAfter: time.Second},
	} {
		_, err := New(NewMemoryStore(nil), o)
		require.Contains(t, fields(t, err), field)
	}
	_, err := New(nil, nil)
	require.Contains(t, fields(t, err), "store")
	_, err = New(NewMemoryStore(nil), &Options{AllowPlainHTTP: true})
	require.Contains(t, fields(t, err), "Options.AllowPlainHTTP", "plain http only for opened prefixes")
}

func TestAccountsAreIsolated(t *testing.T) {
	d := newDispatcher(t, nil)
	e, err := d.CreateEndpoint(t.Context(), good())
	require.NoError(t, err)
	sent, err := d.Emit(t.Context(), Event{Account: "acct_1", Type: events.LeadScored, Data: events.LeadScoredData{}})
	require.NoError(t, err)
	require.Equal(t, 1, sent.Deliveries)
	mine, err := d.ListDeliveries(t.Context(), DeliveryQuery{Account: "acct_1"})
	require.NoError(t, err)
	require.Len(t, mine, 1)
	id := mine[0].ID

	const other = "acct_2"
	ctx := t.Context()
	_, err = d.Endpoint(ctx, other, e.ID)
	require.ErrorIs(t, err, ErrNotFound)
	_, err = d.UpdateEndpoint(ctx, other, e.ID, 0, EndpointPatch{Name: Set("mine now")})
	require.ErrorIs(t, err, ErrNotFound)
	require.ErrorIs(t, d.DeleteEndpoint(ctx, other, e.ID), ErrNotFound)
	_, _, err = d.RotateSecret(ctx, other, e.ID, "", 0)
	require.ErrorIs(t, err, ErrNotFound)
	_, err = d.Test(ctx, other, e.ID, events.LeadScored, EndpointPatch{})
	require.ErrorIs(t, err, ErrNotFound)
	_, err = d.Delivery(ctx, other, id)
	require.ErrorIs(t, err, ErrNotFound)
	_, err = d.Resend(ctx, other, id)
	require.ErrorIs(t, err, ErrNotFound)
	_, err = d.Recover(ctx, other, e.ID, time.Time{}, time.Time{}, 0)
	require.ErrorIs(t, err, ErrNotFound)
	n, err := d.Dismiss(ctx, DeliveryQuery{Account: other, Endpoint: e.ID})
	require.NoError(t, err)
	require.Zero(t, n)
	theirs, err := d.ListDeliveries(ctx, DeliveryQuery{Account: other, Endpoint: e.ID})
	require.NoError(t, err)
	require.Empty(t, theirs)
}

// Who made a change comes from the context and is kept with it.
func TestChangedBy(t *testing.T) {
	d, err := New(NewMemoryStore(nil), nil)
	require.NoError(t, err)
	ctx := t.Context()
	e, err := d.CreateEndpoint(WithActor(ctx, "user:1"), Endpoint{
		Account: "acct_1", Name: "CRM", URL: "https://crm.example.com/", Events: []EventType{"lead.scored"}, ChangedBy: "forged",
	})
	require.NoError(t, err)
	by := func() string {
		t.Helper()
		r, err := d.Endpoint(ctx, "acct_1", e.ID)
		require.NoError(t, err)
		return r.ChangedBy
	}
	require.Equal(t, "user:1", e.ChangedBy)
	require.Equal(t, "user:1", by())

	_, _, err = d.RotateSecret(WithActor(ctx, "user:2"), "acct_1", e.ID, "", 0)
	require.NoError(t, err)
	require.Equal(t, "user:2", by())
	_, err = d.DisableEndpoint(WithActor(ctx, "support"), "acct_1", e.ID, DisabledByOperator)
	require.NoError(t, err)
	require.Equal(t, "support", by())

	for _, who := range []string{strings.Repeat("x", 201), "a\nb"} {
		_, err = d.EnableEndpoint(WithActor(ctx, who), "acct_1", e.ID)
		var invalid *InvalidError
		require.ErrorAs(t, err, &invalid)
		require.Equal(t, "actor", invalid.Fields[0].Field)
		require.Equal(t, "support", by(), "a change that was refused")
	}
	_, err = d.EnableEndpoint(ctx, "acct_1", e.ID)
	require.NoError(t, err)
	require.Empty(t, by(), "nobody is named")
}

// A patch with an overlap begins a rotation, and needs all of one.
func TestOverlapRules(t *testing.T) {
	d, ctx := newDispatcher(t, nil), t.Context()
	e := good()
	e.Secret = "the first of its secrets"
	e, err := d.CreateEndpoint(ctx, e)
	require.NoError(t, err)
	next := Set(Secret("the second of its secrets"))
	for name, c := range map[string]struct {
		patch       EndpointPatch
		field, code string
	}{
		"no secret":             {EndpointPatch{Overlap: time.Hour}, "secret", "required"},
		"a secret that is gone": {EndpointPatch{Overlap: time.Hour, Secret: Set(Secret(""))}, "secret", "required"},
		"a short secret":        {EndpointPatch{Overlap: time.Hour, Secret: Set(Secret("short"))}, "secret", "too_short"},
		"another field alone":   {EndpointPatch{Overlap: time.Hour, Name: Set("CRM")}, "secret", "required"},
		"the least there is":    {EndpointPatch{Overlap: 1, Secret: next}, "overlap", "range"},
		"under a minute":        {EndpointPatch{Overlap: time.Minute - 1, Secret: next}, "overlap", "range"},
		"over 30 days":          {EndpointPatch{Overlap: 30*24*time.Hour + 1, Secret: next}, "overlap", "range"},
		"negative":              {EndpointPatch{Overlap: -time.Hour, Secret: next}, "overlap", "range"},
	} {
		_, err := d.UpdateEndpoint(ctx, e.Account, e.ID, 0, c.patch)
		require.Equal(t, c.code, fields(t, err)[c.field].Code, name)
		_, err = d.UpdateEndpoint(ctx, e.Account, e.ID, e.Version+1, c.patch)
		require.ErrorIs(t, err, ErrConflict, "%s: a stale version comes first", name)
	}
	_, err = d.UpdateEndpoint(ctx, e.Account, e.ID, 0, EndpointPatch{Overlap: -1})
	require.Len(t, fields(t, err), 2, "all that is wrong")
	for _, overlap := range []time.Duration{1, -time.Hour, 31 * 24 * time.Hour} {
		_, err = d.UpdateEndpoint(ctx, e.Account, e.ID, 0, EndpointPatch{Overlap: overlap, Secret: Set(Secret("the first of its secrets"))})
		require.Contains(t, fields(t, err), "overlap", "a repeat of what cannot have been")
	}
	unsigned, err := d.CreateEndpoint(ctx, good())
	require.NoError(t, err)
	_, err = d.UpdateEndpoint(ctx, unsigned.Account, unsigned.ID, 0, EndpointPatch{Overlap: time.Hour, Secret: Set(Secret(""))})
	require.Equal(t, "required", fields(t, err)["secret"].Code, "none is no repeat of none")
	r, err := d.Endpoint(ctx, e.Account, e.ID)
	require.NoError(t, err)
	require.Equal(t, e.Version, r.Version)
	require.False(t, r.Rotating)

	for i, overlap := range []time.Duration{time.Minute, 30 * 24 * time.Hour} {
		e, err = d.UpdateEndpoint(ctx, e.Account, e.ID, e.Version, EndpointPatch{Overlap: overlap, Secret: Set(Secret(fmt.Sprint("the next of its secrets: ", i)))})
		require.NoError(t, err)
		require.True(t, e.Rotating)
		require.WithinDuration(t, time.Now().Add(overlap), e.OldSecretUntil, 30*time.Second)
	}
}

// A rotation by UpdateEndpoint can be repeated as it was, whatever the version is
// by now, and another one needs the version that is there.
func TestRotationOfAVersion(t *testing.T) {
	const first, second, third = Secret("the first of its secrets"), Secret("the second of its secrets"), Secret("the third of its secrets")
	rotate := func(s Secret) EndpointPatch { return EndpointPatch{Secret: Set(s), Overlap: time.Hour} }
	for name, c := range map[string]struct {
		version  int64
		patch    EndpointPatch
		conflict bool
		now, old Secret
		changed  bool
	}{
		"the same, as it was":             {1, rotate(second), false, second, first, false},
		"the same, of a later version":    {2, rotate(second), false, second, first, false},
		"the same, of any version":        {0, rotate(second), false, second, first, false},
		"the same, another overlap":       {1, EndpointPatch{Secret: Set(second), Overlap: 2 * time.Hour}, false, second, first, false},
		"the same, with a name":           {1, EndpointPatch{Secret: Set(second), Overlap: time.Hour, Name: Set("New")}, false, second, first, false},
		"another, of an old version":      {1, rotate(third), true, second, first, false},
		"the first, of an old version":    {1, rotate(first), true, second, first, false},
		"another, of the version":         {2, rotate(third), false, third, second, true},
		"another, of any version":         {0, rotate(third), false, third, second, true},
		"no rotation, of an old version":  {1, EndpointPatch{Secret: Set(second)}, true, second, first, false},
		"no rotation, of the version":     {2, EndpointPatch{Secret: Set(second)}, false, second, "", true},
		"no secret, of an old version":    {1, EndpointPatch{Name: Set("New")}, true, second, first, false},
		"another, of a version to come":   {3, rotate(third), true, second, first, false},
		"no secret at all, of an old one": {1, EndpointPatch{Secret: Set(Secret(""))}, true, second, first, false},
	} {
		t.Run(name, func(t *testing.T) {
			d, ctx := newDispatcher(t, nil), t.Context()
			e := good()
			e.Secret = first
			e, err := d.CreateEndpoint(ctx, e)
			require.NoError(t, err)
			rotated, err := d.UpdateEndpoint(ctx, e.Account, e.ID, 1, rotate(second))
			require.NoError(t, err)
			require.EqualValues(t, 2, rotated.Version)

			got, err := d.UpdateEndpoint(ctx, e.Account, e.ID, c.version, c.patch)
			if c.conflict {
				require.ErrorIs(t, err, ErrConflict)
			} else {
				require.NoError(t, err)
				require.Empty(t, got.Secret+got.OldSecret, "what is returned has no secret")
			}
			stored, err := d.store.Endpoints(ctx, EndpointQuery{Account: e.Account, ID: e.ID, Limit: 1})
			require.NoError(t, err)
			require.Equal(t, c.now, stored[0].Secret)
			require.Equal(t, c.old, stored[0].OldSecret)
			require.Equal(t, c.changed, stored[0].Version == 3)
			if !c.changed {
				require.Equal(t, rotated.OldSecretUntil.UTC(), stored[0].OldSecretUntil.UTC())
				require.Equal(t, "CRM Sync", stored[0].Name)
			}
			if !c.changed && !c.conflict {
				require.Equal(t, rotated, got)
			}
		})
	}
}

// A lossy store makes a change and loses the answer.
type lossy struct {
	Store
	err error
}

func (l *lossy) PutEndpoint(ctx context.Context, e Endpoint, limit int) (Endpoint, error) {
	e, err := l.Store.PutEndpoint(ctx, e, limit)
	if l.err != nil {
		return Endpoint{}, l.err
	}
	return e, err
}

// The new secret comes back where it may be in use, and not where it cannot be.
func TestRotateSecretReturnsTheSecret(t *testing.T) {
	store := &lossy{Store: NewMemoryStore(nil)}
	d, err := New(store, nil)
	require.NoError(t, err)
	ctx := t.Context()
	e := good()
	e.Secret = "the first of its secrets"
	e, err = d.CreateEndpoint(ctx, e)
	require.NoError(t, err)
	for _, c := range []struct {
		next    Secret
		overlap time.Duration
		field   string
	}{
		{"short", 0, "secret"}, {" begins with white space", time.Hour, "secret"}, {"", time.Second, "overlap"},
		{"the second of its secrets", -1, "overlap"}, {"the second of its secrets", 31 * 24 * time.Hour, "overlap"},
	} {
		got, none, err := d.RotateSecret(ctx, e.Account, e.ID, c.next, c.overlap)
		require.Contains(t, fields(t, err), c.field)
		require.Empty(t, got)
		require.Empty(t, none)
	}

	store.err = errors.New("the answer was lost")
	next, _, err := d.RotateSecret(ctx, e.Account, e.ID, "", 0)
	require.ErrorIs(t, err, store.err)
	require.NotEmpty(t, next)
	store.err = nil
	same, e, err := d.RotateSecret(ctx, e.Account, e.ID, next, 0)
	require.NoError(t, err)
	require.Equal(t, next, same)
	require.EqualValues(t, 2, e.Version, "it was made already")
	stored, err := d.store.Endpoints(ctx, EndpointQuery{Account: e.Account, ID: e.ID, Limit: 1})
	require.NoError(t, err)
	require.Equal(t, Secret("the first of its secrets"), stored[0].OldSecret)
	require.Equal(t, next, stored[0].Secret)
}
