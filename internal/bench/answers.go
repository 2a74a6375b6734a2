package main

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"time"
)

// An answer does what a script says; true means that 204 follows.
type answer func(w http.ResponseWriter, req *http.Request) bool

// answers are those that a sender can meet.
var answers = map[string]answer{
	"hang": func(_ http.ResponseWriter, req *http.Request) bool { // no answer
		<-req.Context().Done()
		return false
	},
	"slow": func(_ http.ResponseWriter, req *http.Request) bool { // an answer after 4 s
		select {
		case <-req.Context().Done():
			return false
		case <-time.After(4 * time.Second):
			return true
		}
	},
	"drip": func(w http.ResponseWriter, _ *http.Request) bool { // one byte every 100 ms
		takeOver(w, func(conn io.Writer) error {
			for _, c := range []byte("HTTP/1.1 200 OK\r\nX-Drip: ") {
				if _, err := conn.Write([]byte{c}); err != nil {
					return err
				}
				time.Sleep(100 * time.Millisecond)
			}
			return forever(conn, []byte("."), 100*time.Millisecond)
		})
		return false
	},
	"fail": func(w http.ResponseWriter, _ *http.Request) bool { // 500 at once
		w.WriteHeader(http.StatusInternalServerError)
		return false
	},
	"gzip": func(w http.ResponseWriter, _ *http.Request) bool { // 100 MB of zeros in 100 kB
		w.Header().Set("Content-Encoding", "gzip")
		z := gzip.NewWriter(w)
		_, _ = io.CopyN(z, zeros{}, 100<<20)
		_ = z.Close()
		return false
	},
	"endless body": func(w http.ResponseWriter, _ *http.Request) bool {
		_ = forever(w, make([]byte, 64<<10), 0)
		return false
	},
	"endless header": func(w http.ResponseWriter, _ *http.Request) bool {
		takeOver(w, func(conn io.Writer) error {
			_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nX-Long: ")
			return forever(conn, make([]byte, 64<<10), 0)
		})
		return false
	},
	"endless headers": func(w http.ResponseWriter, _ *http.Request) bool {
		takeOver(w, func(conn io.Writer) error {
			_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\n")
			return forever(conn, bytes.Repeat([]byte("X-Many: 1\r\n"), 5000), 0)
		})
		return false
	},
	"endless 103": func(w http.ResponseWriter, _ *http.Request) bool {
		takeOver(w, func(conn io.Writer) error {
			return forever(conn, bytes.Repeat([]byte("HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"), 1000), 0)
		})
		return false
	},
	"endless chunks": func(w http.ResponseWriter, _ *http.Request) bool { // of one byte each
		takeOver(w, func(conn io.Writer) error {
			_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
			return forever(conn, bytes.Repeat([]byte("1\r\nx\r\n"), 5000), 0)
		})
		return false
	},
}

// takeOver lets f write on the connection until it fails, which it does when the
// sender hangs up.
func takeOver(w http.ResponseWriter, f func(conn io.Writer) error) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	defer func() { _ = conn.Close() }()
	_ = f(conn)
}

// forever writes b again and again.
func forever(w io.Writer, b []byte, pause time.Duration) error {
	for {
		if _, err := w.Write(b); err != nil {
			return err
		}
		time.Sleep(pause)
	}
}

type zeros struct{}

func (zeros) Read(b []byte) (int, error) {
	clear(b)
	return len(b), nil
}
