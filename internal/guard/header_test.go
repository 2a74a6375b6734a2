package guard

import (
	"bufio"
	"bytes"
	"net/http"
	"strings"
	"testing"
)

type headerRow struct {
	Name  string `json:"name"`
	Value string `json:"value"`
	Why   string `json:"why"`
}

func TestBadHeadersAreRefused(t *testing.T) {
	for _, row := range readLines[headerRow](t, "bad_headers.jsonl") {
		t.Run(row.Name+" "+row.Why, func(t *testing.T) {
			wantRefusal(t, Header(row.Name, row.Value))
		})
	}
}

func TestGoodHeadersAreSentUnchanged(t *testing.T) {
	rows := readLines[headerRow](t, "good_headers.jsonl")
	rows = append(rows,
		headerRow{Name: "Authorization", Value: "Bearer eyJhbGciOi.J9-_"},
		headerRow{Name: "Cookie", Value: "session=1; b=2"},
		headerRow{Name: "Accept", Value: "application/json"},
		headerRow{Name: "X-Tenant-Id", Value: "a\tb  c"},
		headerRow{Name: "X-Client-Id", Value: "~!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}"},
		headerRow{Name: "x_custom.name", Value: ""},
		headerRow{Name: "X-Relationship", Value: "1"},
		headerRow{Name: "Tea", Value: "1"},
		headerRow{Name: "pragma", Value: "no-cache"},
		headerRow{Name: "CF-Access-Client-Id", Value: "7f.access"},
		headerRow{Name: "CF-Access-Client-Secret", Value: "abc"},
		headerRow{Name: strings.Repeat("a", MaxHeaderNameBytes), Value: strings.Repeat("b", MaxHeaderValueBytes)},
	)
	for _, row := range rows {
		if err := Header(row.Name, row.Value); err != nil {
			t.Errorf("%s: %v", row.Name, err)
			continue
		}
		checkOnTheWire(t, row.Name, row.Value)
	}
}

// checkOnTheWire writes a request and looks for exactly one line with the header.
func checkOnTheWire(t *testing.T, name, value string) {
	t.Helper()
	req, err := http.NewRequest(http.MethodPost, "https://hooks.example.com/", strings.NewReader("{}"))
	if err != nil {
		t.Fatal(err)
	}
	req.Header[name] = []string{value}
	var wire bytes.Buffer
	if err := req.Write(&wire); err != nil {
		t.Fatalf("%q: %v", name, err)
	}
	if n := strings.Count(wire.String(), "\r\n"+name+": "+value+"\r\n"); n != 1 {
		t.Errorf("%q: %q: %d times in %q", name, value, n, wire.String())
	}
	read, err := http.ReadRequest(bufio.NewReader(&wire))
	if err != nil {
		t.Fatal(err)
	}
	if strings.EqualFold(name, "Pragma") {
		delete(read.Header, "Cache-Control") // ReadRequest adds it beside no-cache
	}
	if got := read.Header.Values(name); len(got) != 1 || got[0] != value || len(read.Header) > 3 {
		t.Errorf("%q: read back %q in %v", name, got, read.Header)
	}
}

func TestReservedHeaders(t *testing.T) {
	for _, name := range strings.Fields(`
		Host Connection Keep-Alive TE Trailer Trailers Transfer-Encoding Upgrade Expect Proxy Proxy-Connection
		Proxy-Authenticate Via Forwarded X-Forwarded-For X-Forwarded-Host X-Forwarded-Proto X-Forwarded X-Forwarder-For
		X-Original-URL X-Original-Host X-Originating-IP X-Rewrite-URL X-Real-IP X-Client-IP X-Cluster-Client-IP Client-IP
		True-Client-IP CF-Connecting-IP CF-Connecting-IPv6 Fastly-Client-IP X-Azure-ClientIP X-Remote-Addr X-Remote-User
		Remote-Addr X-Host X-HTTP-Method-Override X-HTTP-Method X-Method-Override X-HTTP-Host-Override X-ProxyUser-Ip
		HTTP2-Settings Content-Length Content-Type Content-Encoding Content-MD5 Accept-Encoding User-Agent
		Metadata Metadata-Flavor Metadata-Token X-Google-Metadata-Request X-aws-ec2-metadata-token
		X-aws-ec2-metadata-token-ttl-seconds X-aliyun-ecs-metadata-token X-Metadata-Token X-Vault-Request
		Webhook-Id Webhook-Timestamp Webhook-Signature X-Webhook-Signature X-Webhook-Anything Svix-Id
		Stripe-Signature X-Hub-Signature X-Hub-Signature-256
		Idempotency-Key X-Idempotency-Key Max-Forwards Early-Data CDN-Loop Client-Cert Sec-WebSocket-Key
		CF-Access-Jwt-Assertion CF-Access-Authenticated-User-Email CF-Ray X-Envoy-Original-Dst-Host X-Client-IPv6 X-Pseudo-IPv4 l5d-dst-override`) {
		for _, spelling := range []string{name, strings.ToLower(name), strings.ToUpper(name),
			strings.ReplaceAll(name, "-", "_"), strings.ReplaceAll(name, "-", ".")} {
			if code := wantRefusal(t, Header(spelling, "1")); code != CodeHeaderReserved {
				t.Errorf("%s: %q", spelling, code)
			}
		}
	}
	for _, value := range []string{"Bearer Oracle", "bearer  oracle", "Bearer\tOracle"} {
		wantRefusal(t, Header("authorization", value))
	}
}

func TestSignerHeaders(t *testing.T) {
	for _, name := range []string{"Stripe-Signature", "X-Hub-Signature-256", "Acme-Signature", "X-Webhook-Signature"} {
		if err := SignerHeader(name); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, code := range map[string]string{
		"": CodeHeaderName, "Acme Signature": CodeHeaderName, "Acme:": CodeHeaderName, "Acmé": CodeHeaderName,
		"Host": CodeHeaderReserved, "content_type": CodeHeaderReserved, "Idempotency-Key": CodeHeaderReserved,
		strings.Repeat("a", MaxHeaderNameBytes+1): CodeHeaderTooLong,
	} {
		if got := wantRefusal(t, SignerHeader(name)); got != code {
			t.Errorf("%.20q: %s, want %s", name, got, code)
		}
	}
	for name, reserved := range map[string]bool{"Acme-Signature": true, "acme_signature": true, "Acme.Signature": true, "Acme-Signature-2": false} {
		if err := Header(name, "1", "X-Other", "Acme-Signature"); (err != nil) != reserved {
			t.Errorf("%s: %v", name, err)
		}
		if err := Header(name, "1"); err != nil {
			t.Errorf("%s, of nobody: %v", name, err)
		}
	}
}

func TestHeaderShapes(t *testing.T) {
	for _, test := range []struct{ name, value, code string }{
		{"", "v", CodeHeaderName},
		{":authority", "v", CodeHeaderName},
		{"X:Y", "v", CodeHeaderName},
		{"X\tY", "v", CodeHeaderName},
		{"X-\u00e9", "v", CodeHeaderName},
		{"X-\u212aey", "v", CodeHeaderName},
		{"X\"", "v", CodeHeaderName},
		{"X-A", " v", CodeHeaderValue},
		{"X-A", "v\t", CodeHeaderValue},
		{"X-A", "a\r\n b", CodeHeaderValue},
		{"X-A", "a\rb", CodeHeaderValue},
		{"X-A", "a\x1bb", CodeHeaderValue},
		{"X-A", "\u010d\u010a", CodeHeaderValue},
		{"X-A", "\xff", CodeHeaderValue},
		{"X-A", strings.Repeat("a", MaxHeaderValueBytes+1), CodeHeaderTooLong},
		{strings.Repeat("a", MaxHeaderNameBytes+1), "v", CodeHeaderTooLong},
	} {
		if code := wantRefusal(t, Header(test.name, test.value)); code != test.code {
			t.Errorf("%q: %.40q: %s, want %s", test.name, test.value, code, test.code)
		}
	}
}

func FuzzHeader(f *testing.F) {
	for _, name := range []string{"bad_headers.jsonl", "good_headers.jsonl"} {
		for _, row := range readLines[headerRow](f, name) {
			f.Add(row.Name, row.Value)
		}
	}
	f.Fuzz(func(t *testing.T, name, value string) {
		if err := Header(name, value); err != nil {
			wantRefusal(t, err)
			return
		}
		if len(name) > MaxHeaderNameBytes || len(value) > MaxHeaderValueBytes {
			t.Errorf("%d and %d bytes accepted", len(name), len(value))
		}
		checkOnTheWire(t, name, value)
	})
}
