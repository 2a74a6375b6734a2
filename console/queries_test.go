package console_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// A page asks the store the same few questions however much is logged, and
// asks for no more rows than it shows.
func TestQueriesAreConstant(t *testing.T) {
	count := func(deliveries int) map[string]map[string]int {
		w := newWorld(t, nil)
		e := w.add("Ours", 200, "")
		for range 5 {
			w.add("Another", 200, "")
		}
		w.happen(deliveries)
		w.deliver()
		n := w.deliveries(e)[0].ID
		out := map[string]map[string]int{}
		gets, _ := pages("ID", n)
		gets = append(gets, "ID?state=failed", "ID?state=undelivered", "ID?state=waiting", "ID?state=delivered", "ID?before="+itoa(n))
		for _, path := range gets {
			w.store.since()
			require.Equal(t, 200, w.get(strings.Replace(path, "ID", e.ID, 1)).Code, path)
			out[strings.ReplaceAll(path, itoa(n), "N")] = w.store.since()
		}
		return out
	}
	few, many := count(3), count(120)
	require.Equal(t, few, many)
	require.Equal(t, map[string]int{"Endpoints": 1}, few[""])
	require.Equal(t, map[string]int{"Endpoints": 1, "Deliveries": 1}, few["ID"])
	require.Equal(t, map[string]int{"Endpoints": 1, "Deliveries": 1}, few["ID/N"])
	for path, calls := range few {
		n := 0
		for _, c := range calls {
			n += c
		}
		require.LessOrEqual(t, n, 2, path)
	}
}
