package sim

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"hash/fnv"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/autoreach/webhook"
)

func b64(b []byte) string { return base64.StdEncoding.EncodeToString(b) }

// receive is the handler of all hosts. The first part of the path names the
// endpoint.
func (w *world) receive(rw http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	name, _, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	e := w.endpointPlan(name)
	h, ph := w.arrived(e, r, body)
	bad := ph.Share > 0 && share(w.plan.Seed, name, r.Header.Get("Webhook-Id"), h) < ph.Share
	pause := func(d time.Duration) {
		t := time.NewTimer(d)
		defer t.Stop()
		select {
		case <-t.C:
		case <-r.Context().Done():
			panic(http.ErrAbortHandler)
		}
	}
	status := http.StatusNoContent
	switch {
	case !bad:
		pause(ph.Takes)
	case ph.Bad.Kind == "slow":
		pause(ph.Bad.Takes)
	case ph.Bad.Kind == "hang":
		<-r.Context().Done()
		panic(http.ErrAbortHandler)
	case ph.Bad.Kind == "drop":
		panic(http.ErrAbortHandler)
	default:
		pause(time.Millisecond)
		status = ph.Bad.Status
		if ph.Bad.RetryAfter > 0 {
			rw.Header().Set("Retry-After", strconv.Itoa(int(ph.Bad.RetryAfter/time.Second)))
		}
	}
	if h != nil {
		w.mu.Lock()
		h.answered = append(h.answered, status)
		w.mu.Unlock()
	}
	rw.WriteHeader(status)
}

// share is where in [0, 1) a request lies: the same for the same request,
// whenever it comes.
func share(seed uint64, name, id string, h *handing) float64 {
	f := fnv.New64a()
	_, _ = io.WriteString(f, strconv.FormatUint(seed, 10)+name)
	if h != nil && h.delivery.event != nil {
		_, _ = io.WriteString(f, h.delivery.event.marker+strconv.Itoa(h.after))
	}
	x := f.Sum64()
	x ^= x >> 33
	x *= 0xff51afd7ed558ccd
	x ^= x >> 33
	return float64(x>>11) / (1 << 53)
}

// arrived judges a request by what it carries.
func (w *world) arrived(e *EndpointPlan, r *http.Request, body []byte) (*handing, Phase) {
	w.mu.Lock()
	defer w.mu.Unlock()
	ph := e.Final
	if !w.over {
		for _, x := range e.Phases {
			if ph = x; time.Since(w.began) < x.Until {
				break
			}
		}
	}
	number, _ := strconv.Atoi(r.Header.Get(tag))
	if number == 0 {
		if id := r.Header.Get("Webhook-Id"); r.Header.Get("X-Webhook-Test") != "true" || !strings.HasPrefix(id, "test_") {
			w.violate("ghost", nil, 0, "%s got a request of its own accord: %s", e.Name, id)
		}
		return nil, ph
	}
	h := w.handings[number-1]
	h.arrived++
	w.counts.Arrivals++
	d, l := h.delivery, h.delivery.lane
	w.note(nil, l, d.id, "arrives, hand-out %d", number)
	switch ev := d.event; {
	case l.plan != e:
		w.violate("bytes", l, d.id, "came to %s", e.Name)
	case h.arrived > 1:
		w.violate("in-hand", l, d.id, "hand-out %d arrived twice", number)
	case ev == nil:
		w.violate("ghost", l, d.id, "is of an event that was never stored")
	case !slices.Contains(ev.bodies, string(body)) || r.Header.Get("Webhook-Id") != ev.id:
		w.violate("bytes", l, d.id, "id %s, body %s; emitted as %s, %q", r.Header.Get("Webhook-Id"), body, ev.id, ev.bodies)
	default:
		w.judgeSignature(h, r, string(body))
	}
	return h, ph
}

// judgeSignature wants the request to be as some version of the endpoint says
// that was in force between the hand-out and the beginning.
func (w *world) judgeSignature(h *handing, r *http.Request, body string) {
	l := h.delivery.lane
	for i := h.version; i < len(l.versions); i++ {
		v := &l.versions[i]
		if i > h.version && v.from.After(h.begun) {
			break
		}
		if v.URL == "https://"+r.Host+r.URL.Path && signedBy(&v.Endpoint, r, body, h.begun, w.plan.Lag) {
			return
		}
	}
	w.violate("signature", l, h.delivery.id, "hand-out %d to %s%s is not as the endpoint was", h.number, r.Host, r.URL.Path)
}

func signedBy(e *webhook.Endpoint, r *http.Request, body string, at time.Time, lag time.Duration) bool {
	var secrets []webhook.Secret
	if e.OldSecret != "" && at.Before(e.OldSecretUntil) {
		secrets = append(secrets, e.OldSecret)
	}
	if e.Secret != "" {
		secrets = append(secrets, e.Secret)
	}
	stamp := r.Header.Get("Webhook-Timestamp")
	signed, err := strconv.ParseInt(stamp, 10, 64)
	if err != nil || signed > at.Unix() || signed < at.Add(-lag).Unix() {
		return false
	}
	if len(secrets) == 0 {
		return r.Header.Get("Webhook-Signature") == "" && r.Header.Get("X-Webhook-Signature") == ""
	}
	var want []string
	for _, s := range secrets {
		key := []byte(s.Reveal())
		if text, is := strings.CutPrefix(s.Reveal(), "whsec_"); is {
			key, _ = base64.StdEncoding.DecodeString(text)
		}
		want = append(want, "v1,"+b64(mac(key, r.Header.Get("Webhook-Id")+"."+stamp+"."+body)))
	}
	first := mac([]byte(secrets[0].Reveal()), body)
	return r.Header.Get("Webhook-Signature") == strings.Join(want, " ") &&
		r.Header.Get("X-Webhook-Signature") == "sha256="+hex.EncodeToString(first)
}

func mac(key []byte, text string) []byte {
	m := hmac.New(sha256.New, key)
	_, _ = io.WriteString(m, text)
	return m.Sum(nil)
}
