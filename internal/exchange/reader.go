package exchange

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net/http/httputil"
	"strings"
	"sync"
)

var (
	errNotHTTP = errors.New("exchange: the answer is not HTTP/1.1")
	errHeaders = errors.New("exchange: the answer's headers are too large")
	errTooMuch = errors.New("exchange: too many bytes came for one exchange")
)

// reader reads one answer off a connection: its head, then as an io.Reader its
// body, which ends with io.EOF only when it was whole. It forgives what
// net/http forgives, since endpoints were tried with such clients: bare line
// feeds and folded lines.
type reader struct {
	br    *bufio.Reader
	line  []byte
	left  int  // bytes that the head may still have
	heard bool // something came

	chunks io.Reader // of a chunked body
	rest   int64     // of any other; -1: until the end of the stream
}

var readers = sync.Pool{New: func() any { return &reader{br: bufio.NewReader(nil)} }}

func newReader(from io.Reader) *reader {
	r := readers.Get().(*reader)
	r.br.Reset(from)
	r.left, r.heard, r.chunks = maxHeadBytes, false, nil
	return r
}

func (r *reader) release() {
	r.br.Reset(nil)
	if cap(r.line) > 4<<10 {
		r.line = nil
	}
	readers.Put(r)
}

// answer reads heads up to the final one.
func (r *reader) answer() (answer, error) {
	for {
		a, err := r.head()
		if err == nil && a.interim() {
			continue
		}
		if r.rest = a.length; a.chunked {
			r.chunks = httputil.NewChunkedReader(r.br)
		}
		return a, err
	}
}

func (r *reader) head() (a answer, err error) {
	if err = r.begin(); err != nil {
		return a, err
	}
	r.line = r.line[:0]
	if err = r.appendLine(); err != nil {
		return a, err
	}
	if err = a.parseStatus(r.line); err != nil {
		return a, err
	}
	if r.folded() {
		return a, errNotHTTP
	}
	for {
		if err = r.field(); err != nil {
			return a, err
		}
		if len(r.line) == 0 {
			return a, a.frame()
		}
		if err = a.parseField(r.line); err != nil {
			return a, err
		}
	}
}

// begin looks at the first bytes. Another protocol's may be all that comes, so
// it does not wait for a line.
func (r *reader) begin() error {
	const version = "HTTP/"
	for n := 1; n <= len(version); n++ {
		if _, err := r.br.Peek(n); err != nil {
			return err
		}
		r.heard = true
		n = min(r.br.Buffered(), len(version))
		if p, _ := r.br.Peek(n); string(p) != version[:n] {
			return errNotHTTP
		}
	}
	return nil
}

// field reads one header with the lines that are folded into it (RFC 9112,
// section 5.2), an empty line at the end.
func (r *reader) field() error {
	r.line = r.line[:0]
	err := r.appendLine()
	for err == nil && len(r.line) > 0 && r.folded() {
		if bytes.IndexByte(r.line, ':') < 0 {
			return errNotHTTP
		}
		err = r.appendLine()
	}
	return err
}

// folded says whether the next line continues this one.
func (r *reader) folded() bool {
	p, _ := r.br.Peek(1)
	return string(p) == " " || string(p) == "\t"
}

// appendLine reads a line without its end.
func (r *reader) appendLine() error {
	start := len(r.line)
	for {
		p, err := r.br.ReadSlice('\n')
		if r.left -= len(p); r.left < 0 {
			return errHeaders
		}
		r.line = append(r.line, p...)
		if err == bufio.ErrBufferFull {
			continue
		}
		if err != nil {
			return err
		}
		line := bytes.TrimSuffix(r.line[start:len(r.line)-1], []byte("\r"))
		r.line = r.line[:start+len(line)]
		return nil
	}
}

// Read reads the body.
func (r *reader) Read(p []byte) (int, error) {
	switch {
	case r.chunks != nil:
		n, err := r.chunks.Read(p)
		if err == io.EOF {
			err = r.trailers()
		}
		return n, err
	case r.rest == 0:
		return 0, io.EOF
	case r.rest > 0:
		p = p[:min(int64(len(p)), r.rest)]
	}
	n, err := r.br.Read(p)
	if r.rest > 0 {
		r.rest -= int64(n)
		if err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
	}
	return n, err
}

// trailers reads what follows the last chunk, and then reports the end.
func (r *reader) trailers() error {
	for {
		if err := r.field(); err != nil {
			return errors.Join(io.ErrUnexpectedEOF, err)
		}
		if len(r.line) == 0 {
			return io.EOF
		}
		if !strings.Contains(string(r.line), ":") {
			return errNotHTTP
		}
	}
}

// buffered says that the body can be read without waiting.
func (r *reader) buffered() bool {
	return r.chunks == nil && r.rest >= 0 && r.rest <= int64(r.br.Buffered())
}

// empty says that nothing was read beyond the answer.
func (r *reader) empty() bool { return r.br.Buffered() == 0 }
