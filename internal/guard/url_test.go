package guard

import (
	"net/netip"
	"net/url"
	"strings"
	"testing"
)

func TestURLNormalises(t *testing.T) {
	for raw, want := range map[string]string{
		"HTTPS://Hooks.Example.COM":                          "https://hooks.example.com",
		"https://hooks.example.com:443/":                     "https://hooks.example.com/",
		"https://hooks.example.com:80/":                      "https://hooks.example.com:80/",
		"https://hooks.example.com.:8443/":                   "https://hooks.example.com:8443/",
		"https://hooks.example.com?":                         "https://hooks.example.com?",
		"https://hooks.example.com?a=b":                      "https://hooks.example.com?a=b",
		"https://hooks.example.com//":                        "https://hooks.example.com//",
		"https://hooks.example.com//evil.example.com/":       "https://hooks.example.com//evil.example.com/",
		"https://hooks.example.com/a/./../%2e%2e/%2F%2f/b;c": "https://hooks.example.com/a/./../%2e%2e/%2F%2f/b;c",
		"https://hooks.example.com/%0d%0a%00":                "https://hooks.example.com/%0d%0a%00",
		"https://hooks.example.com/a[0]@:!$&'()*+,;=~":       "https://hooks.example.com/a[0]@:!$&'()*+,;=~",
		"https://hooks.example.com/?a[b]={x}|y^`":            "https://hooks.example.com/?a[b]={x}|y^`",
		"https://hooks.example.com/?a=1&a=2+3&?/@:":          "https://hooks.example.com/?a=1&a=2+3&?/@:",
		"https://[2606:4700:4700:0:0:0:0:1111]:443/":         "https://[2606:4700:4700::1111]/",
		"https://[2606:4700:4700::ABCD]:8443/":               "https://[2606:4700:4700::abcd]:8443/",
		"https://b\u00fccher.example.com/":                   "https://xn--bcher-kva.example.com/",
		"https://XN--BCHER-KVA.example.com/":                 "https://xn--bcher-kva.example.com/",
		"https://a--b.example.com:1/":                        "https://a--b.example.com:1/",
		"https://hooks.example.com:65535/":                   "https://hooks.example.com:65535/",
		"https://localhost.example.com/":                     "https://localhost.example.com/",
		"https://internal.example.com/":                      "https://internal.example.com/",
		"https://x.xn--p1ai/":                                "https://x.xn--p1ai/",
	} {
		u, err := (&Policy{}).URL(raw)
		if err != nil || u.String() != want {
			t.Errorf("%s: %v, %v, want %s", raw, u, err, want)
			continue
		}
		wire := want[strings.Index(want, "://")+3:]
		if i := strings.IndexAny(wire, "/?"); i < 0 {
			wire = "/"
		} else if wire = wire[i:]; wire[0] == '?' {
			wire = "/" + wire
		}
		if u.RequestURI() != wire {
			t.Errorf("%s: on the wire %s", raw, u.RequestURI())
		}
	}
}

func TestURLRefuses(t *testing.T) {
	long := strings.Repeat("a", MaxURLBytes)
	label := strings.Repeat("a", 63)
	for raw, want := range map[string]string{
		"":                                    CodeURLScheme,
		"hooks.example.com":                   CodeURLScheme,
		"http://hooks.example.com/":           CodeURLScheme,
		"https:/hooks.example.com/":           CodeURLScheme,
		"https;//hooks.example.com/":          CodeURLScheme,
		"file:///etc/passwd":                  CodeURLScheme,
		"data:text/plain,x":                   CodeURLScheme,
		"https://":                            CodeURLHost,
		"https:///in":                         CodeURLHost,
		"https://?x":                          CodeURLHost,
		"https://hooks..example.com/":         CodeURLHost,
		"https://.hooks.example.com/":         CodeURLHost,
		"https://hooks%2eexample.com/":        CodeURLHost,
		"https://hooks,example.com/":          CodeURLHost,
		"https://a:1:2/":                      CodeURLHost,
		"https://[::1":                        CodeURLHost,
		"https://[]/":                         CodeURLHost,
		"https://[8.8.8.8]/":                  CodeURLHost,
		"https://[2606:4700::1]8443/":         CodeURLHost,
		"https://[2606:4700::1%25en0]/":       CodeURLHost,
		"https://" + label + "a.example.com/": CodeURLHost,
		"https://" + strings.Repeat(label+".", 4) + "com/": CodeURLHost,
		"https://hooks.example.com/" + long:                CodeURLTooLong,
		"https://hooks.example.com:0/":                     CodeURLPort,
		"https://hooks.example.com:-1/":                    CodeURLPort,
		"https://hooks.example.com:+443/":                  CodeURLPort,
		"https://hooks.example.com:4_43/":                  CodeURLPort,
		"https://hooks.example.com:0x1bb/":                 CodeURLPort,
		"https://hooks.example.com:\u0664/":                CodeURLPort,
		"https://hooks.example.com:99999999999999999999/":  CodeURLPort,
		"https://8.8.8.8./":                                CodeURLAddress,
		"https://0x08080808./":                             CodeURLAddress,
		"https://8.8.2056/":                                CodeURLAddress,
		"https://hooks.example.0x/":                        CodeURLAddress,
		"https://hooks.example.0xg/":                       CodeURLLocalName,
		"https://hooks.example.c0m/":                       CodeURLLocalName,
		"https://localhost6.localdomain6/":                 CodeURLLocalName,
		"https://hooks.example/":                           CodeURLLocalName,
		"https://ipv4only.arpa/":                           CodeURLLocalName,
		"https://x.Home.Arpa./":                            CodeURLLocalName,
		"https://host.docker.internal/":                    CodeURLLocalName,
		"https://a_b/":                                     CodeURLLocalName,
		"https://xn--r8jz45g/":                             CodeURLLocalName,
		"https://hooks.example.com/\"":                     CodeURLCharacter,
		"https://hooks.example.com/?<":                     CodeURLCharacter,
		"https://hooks.example.com/{id}":                   CodeURLCharacter,
		"https://hooks.example.com/?a=5%":                  CodeURLCharacter,
		"https://hooks.example.com/?\u00f6":                CodeURLCharacter,
		"https://hooks.example.com/\xff":                   CodeURLCharacter,
		"https://127.0.0.1\\@hooks.example.com/":           CodeURLCharacter,
		"https://hooks.example.com\x00/":                   CodeURLCharacter,
		"https://hooks.example.com\x7f/":                   CodeURLCharacter,
		"htt\tps://hooks.example.com/":                     CodeURLCharacter,
		"https://[2606:4700::1]x:443/":                     CodeURLHost,
		"https://hooks.example.com\u200b/":                 CodeURLIDN,
		"https://hooks.example.com\uff0f/":                 CodeURLIDN,
		"https://hooks\uff0eexample.com/":                  CodeURLIDN,
	} {
		u, err := (&Policy{}).URL(raw)
		if code := wantRefusal(t, err); code != want || u != nil {
			t.Errorf("%.80q: %s %v, want %s", raw, code, u, want)
		}
	}
}

func TestURLLengthIsBoundedAfterNormalisingToo(t *testing.T) {
	prefix := "https://hooks.example.com/"
	if _, err := (&Policy{}).URL(prefix + strings.Repeat("a", MaxURLBytes-len(prefix))); err != nil {
		t.Errorf("%d bytes: %v", MaxURLBytes, err)
	}
	idn := "https://\u4f8b.example.com/" // longer once in ASCII
	_, err := (&Policy{}).URL(idn + strings.Repeat("a", MaxURLBytes-len(idn)))
	if code := wantRefusal(t, err); code != CodeURLTooLong {
		t.Error(code)
	}
}

// The bounds of DNS and of a URL, to the byte.
func TestURLBounds(t *testing.T) {
	name := strings.Repeat(strings.Repeat("a", 61)+".", 4) + "com" // 251 characters
	for raw, ok := range map[string]bool{
		"https://a." + name + "/":                                     true, // 253
		"https://a." + name + "./":                                    true,
		"https://ab." + name + "/":                                    false,
		"https://" + strings.Repeat("a", 63) + ".com/":                true,
		"https://" + strings.Repeat("a", 64) + ".com/":                false,
		"https://example.com/" + strings.Repeat("a", MaxURLBytes-20):  true,
		"https://example.com/" + strings.Repeat("a", MaxURLBytes-19):  false,
		"https://example.com./" + strings.Repeat("a", MaxURLBytes-20): false, // as given
		"https://example.com:65535/":                                  true,
		"https://example.com:1/":                                      true,
	} {
		if _, err := (*Policy)(nil).URL(raw); (err == nil) != ok {
			t.Errorf("%.80s (%d bytes): %v", raw, len(raw), err)
		}
	}
}

func TestOpenedPrefixes(t *testing.T) {
	https := policy("127.0.0.0/8", "10.20.0.0/16", "::1/128")
	plain := policy("127.0.0.0/8", "10.20.0.0/16", "::1/128")
	plain.PlainHTTP = true
	for _, test := range []struct {
		raw          string
		https, plain bool
	}{
		{"https://localhost:8443/", true, true},
		{"https://receiver/", true, true},
		{"https://receiver_1.svc.cluster.local/", true, true},
		{"https://db1.lan9/", true, true},
		{"https://x.test/", true, true},
		{"https://127.0.0.1/", true, true},
		{"https://[::1]:9000/", true, true},
		{"https://10.20.255.255/", true, true},
		{"https://8.8.8.8/", true, true},
		{"https://10.21.0.0/", false, false},
		{"https://169.254.169.254/", false, false},
		{"https://[::2]/", false, false},
		{"https://[::ffff:127.0.0.1]/", false, false},
		{"https://127.1/", false, false},
		{"https://2130706433/", false, false},
		{"https://x.onion/", false, false},
		{"https://x.alt/", false, false},
		{"https://x.invalid/", false, false},
		{"https://localhost:22/", false, false},
		{"http://localhost:8080/", false, true},
		{"http://hooks.example.com/", false, true}, // judged by the address dialled
		{"http://127.0.0.1:80/", false, true},
		{"http://[::1]/", false, true},
		{"http://8.8.8.8/", false, false},
		{"http://10.21.0.0/", false, false},
		{"ftp://localhost/", false, false},
	} {
		if _, err := https.URL(test.raw); (err == nil) != test.https {
			t.Errorf("%s with Allow: %v", test.raw, err)
		}
		if _, err := plain.URL(test.raw); (err == nil) != test.plain {
			t.Errorf("%s with Allow and PlainHTTP: %v", test.raw, err)
		}
	}
	if u, err := plain.URL("HTTP://LocalHost.:80/"); err != nil || u.String() != "http://localhost/" {
		t.Errorf("%v, %v", u, err)
	}
	if _, err := (&Policy{PlainHTTP: true}).URL("http://hooks.example.com/"); err == nil {
		t.Error("plain HTTP without an opened prefix accepted")
	}
}

func FuzzURL(f *testing.F) {
	for _, name := range []string{"bad_urls.jsonl", "good_urls.jsonl", "ambiguous_urls.jsonl"} {
		for _, row := range readLines[urlRow](f, name) {
			f.Add(row.URL)
		}
	}
	opened := policy("127.0.0.0/8", "fd00::/8")
	opened.PlainHTTP = true
	f.Fuzz(func(t *testing.T, raw string) {
		for _, p := range []*Policy{nil, opened} {
			u, err := p.URL(raw)
			if err != nil {
				wantRefusal(t, err)
				continue
			}
			text := u.String()
			again, err := p.URL(text)
			if err != nil || again.String() != text || *again != *u {
				t.Errorf("%q: normalised %q, then %v, %v", raw, text, again, err)
			}
			parsed, err := url.Parse(text)
			if err != nil || parsed.Host != u.Host || parsed.RequestURI() != u.RequestURI() {
				t.Errorf("%q: parsed again %v, %v", raw, parsed, err)
			}
			host := u.Hostname()
			if host == "" || host != asciiLower(host) || !isASCII(host) || strings.ContainsAny(host, "%@/\\ ") || strings.HasSuffix(host, ".") {
				t.Errorf("%q: host %q", raw, host)
			}
			if u.User != nil || u.Fragment != "" || u.Opaque != "" || len(text) > MaxURLBytes {
				t.Errorf("%q: %#v", raw, u)
			}
			if a, err := netip.ParseAddr(host); err == nil && p.Addr(a) != nil {
				t.Errorf("%q: address %s accepted", raw, a)
			}
			if target := strings.IndexAny(raw[strings.Index(raw, "://")+3:], "/?"); target >= 0 {
				if typed := raw[strings.Index(raw, "://")+3+target:]; strings.TrimPrefix(u.RequestURI(), "/") != strings.TrimPrefix(typed, "/") {
					t.Errorf("%q: on the wire %q", raw, u.RequestURI())
				}
			}
		}
	})
}
