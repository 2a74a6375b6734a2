package verify_test

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/autoreach/webhook/internal/signature"
	"github.com/autoreach/webhook/verify"
)

// corpusRow is a line of bad_signatures.jsonl or good_signatures.jsonl.
type corpusRow struct {
	Secret     *string         `json:"secret"`
	SecretB64  string          `json:"secret_b64"`
	BodyB64    string          `json:"body_b64"`
	BodyRepeat *repeat         `json:"body_repeat"`
	Header     json.RawMessage `json:"header"`
	Why        string          `json:"why"`
	Cat        string          `json:"cat"`
	Level      string          `json:"level"`
}

type repeat struct {
	Byte  byte `json:"byte"`
	Count int  `json:"count"`
}

func (r corpusRow) body(t *testing.T) []byte {
	if r.BodyRepeat != nil {
		return bytes.Repeat([]byte{r.BodyRepeat.Byte}, r.BodyRepeat.Count)
	}
	return decode64(t, r.BodyB64)
}

// lines returns the header's lines: none for null, one for a string.
func (r corpusRow) lines(t *testing.T) (lines []string) {
	var one *string
	if json.Unmarshal(r.Header, &one) == nil {
		if one != nil {
			lines = []string{*one}
		}
	} else if err := json.Unmarshal(r.Header, &lines); err != nil {
		t.Fatal(err)
	}
	return lines
}

func (r corpusRow) verifier(t *testing.T, opts *verify.Options) (*verify.Verifier, error) {
	if r.Secret == nil {
		return verify.NewKey(decode64(t, r.SecretB64), opts)
	}
	return verify.New(*r.Secret, opts)
}

func decode64(t *testing.T, s string) []byte {
	b, err := base64.StdEncoding.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func corpus(t *testing.T, name string) []corpusRow {
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var rows []corpusRow
	for dec := json.NewDecoder(f); ; {
		var row corpusRow
		if err := dec.Decode(&row); err == io.EOF {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		rows = append(rows, row)
	}
	if len(rows) == 0 {
		t.Fatal("no rows")
	}
	return rows
}

// post sends a request as it stands, without the checks of an HTTP client, and
// returns the status.
func post(t *testing.T, srv *httptest.Server, lines []string, body []byte) int {
	t.Helper()
	conn, err := net.Dial("tcp", srv.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(20 * time.Second))
	var req bytes.Buffer
	fmt.Fprintf(&req, "POST / HTTP/1.1\r\nHost: receiver.example\r\nConnection: close\r\nContent-Length: %d\r\n", len(body))
	for _, line := range lines {
		fmt.Fprintf(&req, "X-Webhook-Signature: %s\r\n", line)
	}
	req.WriteString("\r\n")
	req.Write(body)
	// The server may answer and close before it has read everything.
	go conn.Write(req.Bytes())
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	return res.StatusCode
}

func TestBadSignatures(t *testing.T) {
	checked := map[string]int{}
	for i, row := range corpus(t, "testdata/bad_signatures.jsonl") {
		t.Run(fmt.Sprintf("%d %s", i, row.Why), func(t *testing.T) {
			v, err := row.verifier(t, nil)
			if row.Cat == "empty-secret" { // which has no verifier that could let it pass
				checkRefusal(t, "New", *row.Secret, err, "secret", "empty")
				checked["refused"]++
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			body, lines := row.body(t), row.lines(t)
			if row.Level == "string" {
				if len(lines) == 0 {
					t.Fatal("no line to verify")
				}
				for _, line := range lines {
					if v.Verify(body, line) == nil {
						t.Error("Verify accepted it")
					}
				}
				checked["string"]++
				return
			}
			srv := httptest.NewServer(v.Middleware(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
				t.Error("the handler ran")
			})))
			defer srv.Close()
			if status := post(t, srv, lines, body); status != 401 {
				t.Errorf("status %d, want 401", status)
			}
			checked["http"]++
		})
	}
	if want := map[string]int{"refused": 3, "string": 1, "http": 40}; !maps.Equal(checked, want) {
		t.Errorf("checked %v, want %v", checked, want)
	}
}

func TestGoodSignatures(t *testing.T) {
	for i, row := range corpus(t, "testdata/good_signatures.jsonl") {
		t.Run(fmt.Sprintf("%d %s", i, row.Why), func(t *testing.T) {
			v, err := row.verifier(t, nil)
			if err != nil {
				t.Fatal(err)
			}
			body, lines := row.body(t), row.lines(t)
			if err := v.Verify(body, lines[0]); err != nil {
				t.Errorf("Verify: %v", err)
			}
			var got []byte
			srv := httptest.NewServer(v.Middleware(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				got, _ = io.ReadAll(r.Body)
			})))
			defer srv.Close()
			if status := post(t, srv, lines, body); status != 200 || !bytes.Equal(got, body) {
				t.Errorf("status %d, body of %d bytes; want 200 and the %d bytes sent", status, len(got), len(body))
			}
		})
	}
}

// vector is a published test vector.
type vector struct {
	Scheme     string            `json:"scheme"`
	Source     string            `json:"source"`
	Secret     *string           `json:"secret"`
	Headers    map[string]string `json:"headers"`
	Expected   *string           `json:"expected"`
	Valid      bool              `json:"valid"`
	Body       string            `json:"body"`
	BodyRepeat *struct {
		Byte  string `json:"byte"`
		Count int    `json:"count"`
	} `json:"body_repeat"`
	KeyHex    string `json:"key_hex"`
	DataHex   string `json:"data_hex"`
	PublicKey string `json:"public_key"`
	Why       string `json:"why"`
}

func (x vector) body() []byte {
	if x.BodyRepeat != nil {
		return bytes.Repeat([]byte(x.BodyRepeat.Byte), x.BodyRepeat.Count)
	}
	return []byte(x.Body)
}

func TestPublishedVectors(t *testing.T) {
	text, err := os.ReadFile("testdata/signature_vectors.json")
	if err != nil {
		t.Fatal(err)
	}
	var file struct{ Vectors []vector }
	if err := json.Unmarshal(text, &file); err != nil {
		t.Fatal(err)
	}
	accepted := map[string]int{}
	for i, x := range file.Vectors {
		t.Run(fmt.Sprintf("%d %s %s", i, x.Scheme, x.Why), func(t *testing.T) {
			ours := strings.HasPrefix(x.Scheme, "standard-webhooks-v1") || x.Scheme == "github-sha256" || x.Scheme == "hmac-sha256-raw"
			got := accepts(t, x)
			if want := ours && x.Valid; got != want {
				t.Errorf("accepted %v, want %v (%s)", got, want, x.Source)
			}
			if got {
				accepted[x.Scheme]++
			}
		})
	}
	if len(accepted) < 4 {
		t.Errorf("vectors of 4 schemes are there to be accepted, these were: %v", accepted)
	}
}

// accepts offers the vector to the verifier that is nearest to its scheme.
func accepts(t *testing.T, x vector) bool {
	expected := ""
	if x.Expected != nil {
		expected = *x.Expected
	}
	if x.Scheme == "hmac-sha256-raw" {
		key, _ := hex.DecodeString(x.KeyHex)
		data, _ := hex.DecodeString(x.DataHex)
		v, err := verify.NewKey(key, nil)
		if err != nil {
			t.Fatal(err)
		}
		return v.Verify(data, "sha256="+expected) == nil
	}
	opts := new(verify.Options)
	standard := strings.HasPrefix(x.Scheme, "standard-webhooks")
	if standard {
		opts.Scheme = verify.ReplayProtected
		// The vectors are years old: judge them at their own time.
		stamp := x.Headers["webhook-timestamp"]
		if unix, err := strconv.ParseInt(stamp, 10, 64); err == nil {
			opts.Now = func() time.Time { return time.Unix(unix, 0) }
		}
	}
	v, err := verify.New(*x.Secret, opts)
	if x.PublicKey != "" {
		v, err = verify.NewPublic(x.PublicKey, opts)
	}
	if err != nil {
		return false
	}
	if !standard {
		// The other schemes' digests are tried bare and with our prefix.
		return v.Verify(x.body(), expected) == nil ||
			!strings.HasPrefix(expected, "sha256=") && v.Verify(x.body(), "sha256="+expected) == nil
	}
	h := make(http.Header)
	for name, value := range x.Headers {
		h.Set(name, value)
	}
	switch {
	case h.Get("webhook-signature") != "":
	case x.Expected != nil:
		h.Set("webhook-signature", expected)
	default:
		// Nothing but the header in question shall be wrong.
		key, err := signature.StandardKey(*x.Secret, 16, 64)
		if err != nil {
			t.Fatal(err)
		}
		sum := signature.NewKey(key).Sum([]byte(h.Get("webhook-id") + "." + h.Get("webhook-timestamp") + "." + x.Body))
		h.Set("webhook-signature", "v1,"+base64.StdEncoding.EncodeToString(sum[:]))
	}
	return v.VerifyHeaders(x.body(), h) == nil
}
