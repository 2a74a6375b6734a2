package standin

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"os"
	"os/signal"
	"slices"
	"strings"
	"sync"
	"time"
)

// Main is the main function of a demonstration: it ends with exit code 0 only if
// everything that it announces has happened.
func Main(name string, demonstrate func(ctx context.Context, out io.Writer) error) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	err := demonstrate(ctx, os.Stdout)
	cancel()
	stop()
	if err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", name, err)
		os.Exit(1)
	}
}

// Log returns a logger that writes what a receiver says, as lines without time
// below what the demonstration says.
func Log(out io.Writer) *slog.Logger {
	return slog.New(slog.NewTextHandler(indented{out}, &slog.HandlerOptions{
		ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
			switch a.Key {
			case slog.TimeKey, slog.LevelKey, "id", "remote": // different in every run
				return slog.Attr{}
			}
			return a
		},
	}))
}

type indented struct{ out io.Writer }

func (w indented) Write(line []byte) (int, error) {
	line = bytes.TrimPrefix(line, []byte("msg="))
	_, err := fmt.Fprintf(w.out, "     receiver: %s\n", strings.TrimSpace(string(line)))
	return len(line), err
}

// Show prints what an API keeps, a field a line.
func Show(out io.Writer, kept ...map[string]any) {
	for _, o := range kept {
		fmt.Fprintln(out)
		for _, name := range slices.Sorted(maps.Keys(o)) {
			value, isText := o[name].(string)
			if !isText {
				b, _ := json.Marshal(o[name]) // it came from JSON
				value = string(b)
			}
			fmt.Fprintf(out, "     %-24s %s\n", name, value)
		}
	}
}

// Output keeps what a demonstration and its receiver write, for tests.
type Output struct {
	mu   sync.Mutex
	text bytes.Buffer
}

// Write implements io.Writer.
func (o *Output) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(b)
}

// String returns all that was written.
func (o *Output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}
