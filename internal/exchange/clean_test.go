package exchange

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestClean(t *testing.T) {
	for in, want := range map[string]string{
		"":                 "",
		"plain\ttext\r\n":  "plain\ttext\n",
		"a\rb\r\r\nc":      "a\nb\n\nc",
		"a\x00\x01\x7fb":   "a\ufffdb",
		"\xff\xfe\xfd":     "\ufffd",
		"caf\u00e9 \u65e5": "caf\u00e9 \u65e5",
		"\u0085\u202ex":    "\ufffdx",
		"\xed\xa0\x80":     "\ufffd",
		"\x00\r\x00":       "\ufffd\n\ufffd",
	} {
		require.Equal(t, want, string(clean([]byte(in), false, 100)), "%q", in)
	}
	require.Equal(t, "ab", string(clean([]byte("ab\xe6\x97"), true, 100)), "a rune that the cut split")
	require.Equal(t, "ab\ufffd", string(clean([]byte("ab\xe6\x97"), false, 100)))
	require.Equal(t, "ab", string(clean([]byte("ab\x00c"), false, 4)), "a replacement that does not fit")
}

func FuzzClean(f *testing.F) {
	f.Add([]byte("ok\r\n"), true, 16)
	f.Add([]byte("\xff\x00\u202e\xe6\x97"), false, 3)
	f.Fuzz(func(t *testing.T, p []byte, cut bool, limit int) {
		limit = max(0, min(limit, MaxExcerptBytes))
		out := clean(p, cut, limit)
		if len(out) > limit {
			t.Fatalf("%d bytes, limit %d", len(out), limit)
		}
		requireClean(t, out)
		if again := clean(out, false, limit); !bytes.Equal(again, out) {
			t.Fatalf("not stable: %q, then %q", out, again)
		}
	})
}
