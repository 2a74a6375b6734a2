package main

import (
	"encoding/xml"
	"errors"
	"io"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestMain(m *testing.M) {
	if len(os.Args) == 2 && os.Args[1] == childArg {
		serve()
		return
	}
	os.Exit(m.Run())
}

// The short form runs, and prints what others look for. What it measures in so
// short a time means nothing.
func TestShort(t *testing.T) {
	chosen, err := choose("throughput,latency,noisy10,rates,verify,memory", false)
	if err != nil {
		t.Fatal(err)
	}
	b := &bench{iterations: 1, scale: 0.01, short: true, docs: t.TempDir()}
	out := printed(t, func() {
		if err := b.run(t.Context(), chosen); err != nil {
			t.Fatal(err)
		}
	})
	line := regexp.MustCompile(`^[a-z0-9_]+ -?[0-9.]+ [a-zA-Z0-9%/]+$`)
	var names []string
	for _, l := range strings.Split(strings.TrimSpace(out), "\n") {
		if !line.MatchString(l) {
			t.Errorf("%q is not a name, a value and a unit", l)
		}
		name, _, _ := strings.Cut(l, " ")
		names = append(names, name)
	}
	page, err := os.ReadFile(filepath.Join(b.docs, "benchmarks.md"))
	if err != nil {
		t.Fatal(err)
	}
	// Others look for these names.
	for _, name := range strings.Fields(`memory_vs_raw sqlite_vs_raw postgres_vs_raw postgres_vs_river_tuned postgres_vs_river_default
		latency_memory_p50_ms latency_sqlite_p50_ms latency_postgres_p50_ms latency_memory_p99_ms latency_sqlite_p99_ms latency_postgres_p99_ms
		noisy10_p50_ratio noisy10_p99_ratio noisy10_delivered_ratio
		verify_1k_vs_bare verify_1k_allocs verify_1k_vs_gogithub verify_64k_vs_bare verify_standard_1k_vs_svix
		pending_bytes`) {
		if !slices.Contains(names, name) {
			t.Errorf("%s is missing", name)
		}
		if !strings.Contains(string(page), "| "+name+" | ") {
			t.Errorf("%s is missing in the docs", name)
		}
	}
}

// printed is what f prints.
func printed(t *testing.T, f func()) string {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	old := os.Stdout
	os.Stdout = w
	text := make(chan []byte)
	go func() { b, _ := io.ReadAll(r); text <- b }()
	defer func() { os.Stdout = old }()
	f()
	_ = w.Close()
	return string(<-text)
}

func TestLatencies(t *testing.T) {
	ms := latencies([]Arrival{{Sent: 0, At: 3e6}, {Sent: 1e6, At: 2e6}}, 4, time.Minute)
	if !slices.Equal(ms, []float64{1, 3, 60_000, 60_000}) {
		t.Errorf("%v: two came, and two that did not count as a minute", ms)
	}
	if p := percentile(ms, 50); p != 60_000 {
		t.Errorf("p50 is %v", p)
	}
	if !math.IsNaN(percentile(nil, 50)) {
		t.Error("nothing has a p50")
	}
}

func TestPayload(t *testing.T) {
	b := body(1700000000123456789)
	if len(b) != payloadSize {
		t.Errorf("the payload has %d bytes", len(b))
	}
	if sentAt(b) != 1700000000123456789 {
		t.Errorf("sent at %d", sentAt(b))
	}
}

func TestNumber(t *testing.T) {
	for v, want := range map[float64]string{0: "0", 0.85: "0.850", 0.0413: "0.0413", 12.34: "12.3", 1234.5: "1234", -1: "-1", 99.96: "100.0", 2.006: "2.01", 0.998: "0.998"} {
		if got := number(v); got != want {
			t.Errorf("number(%v) is %s, want %s", v, got, want)
		}
	}
	if m := median([]float64{3, 1, 2, 10}); m != 2.5 {
		t.Errorf("the median is %v", m)
	}
}

// A section replaces the one before, and nothing else.
func TestSplice(t *testing.T) {
	page := splice([]byte("# Page\n"), "a", "one\n")
	page = splice(page, "b", "two\n")
	page = splice(page, "a", "three\n")
	if want := "# Page\n\n<!-- a -->\nthree\n<!-- /a -->\n\n<!-- b -->\ntwo\n<!-- /b -->\n"; string(page) != want {
		t.Errorf("%q", page)
	}
}

func TestPlot(t *testing.T) {
	for _, p := range []plot{
		{title: "a < b", series: []series{{"line", []point{{0, 1}, {5, 10}}}}},
		{logX: true, logY: true, series: []series{{"line", []point{{10_000, 3}, {1_000_000, 700}}}, {"flat", []point{{10_000, 3}}}}},
		{logY: true, series: []series{{"none", nil}}},
		{series: []series{{"zero", []point{{0, 0}, {1, 0}}}}},
	} {
		text := p.svg()
		d := xml.NewDecoder(strings.NewReader(text))
		for {
			if _, err := d.Token(); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				t.Fatalf("%v\n%s", err, text)
			}
		}
		if strings.Contains(text, "NaN") || strings.Contains(text, "Inf") {
			t.Errorf("a point is nowhere: %s", text)
		}
	}
}

func TestUnknownScenario(t *testing.T) {
	if _, err := choose("latency,nonsense", false); err == nil || !strings.Contains(err.Error(), `"nonsense"`) {
		t.Errorf("%v", err)
	}
}
