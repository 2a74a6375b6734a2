package verify

import "net/http"

// ExplainWork is how many bytes an explanation of a request signed with an
// unknown secret signs, all of its tries together.
func ExplainWork(v *Verifier, r *http.Request, body []byte) int {
	c := claim{standard: true, id: "evt_1", unix: 1}
	t := &trial{v: v, claim: &c, body: body, left: maxExplainWork}
	for _, find := range []func(*trial, http.Header) string{(*trial).otherBody, (*trial).otherKey, (*trial).otherContent, (*trial).otherHeader} {
		find(t, r.Header)
	}
	return maxExplainWork - t.left
}
