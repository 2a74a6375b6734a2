package guard

import (
	"strings"
	"testing"
	"unicode"
)

// The sample strings of RFC 3492 7.1, in lower case.
var punycodeSamples = map[string]string{
	"ليهمابتكلموشعربي؟":      "egbpdaj6bu4bxfgehfvwxn",
	"他们为什么不说中文":              "ihqwcrb4cv8a8dqg056pqjye",
	"他們爲什麽不說中文":              "ihqwctvzc91f659drss3x8bo0yb",
	"pročprostěnemluvíčesky": "proprostnemluvesky-uyb24dma41a",
	"למההםפשוטלאמדבריםעברית": "4dbcagdahymbxekheh6e0a7fei0b",
	"यहलोगहिन्दीक्योंनहींबोलसकतेहैं":           "i1baa7eci9glrd9b2ae1bj0hfcgg6iyaf8o0a1dig0cd",
	"なぜみんな日本語を話してくれないのか":                       "n8jok5ay5dzabd5bym9f0cm5685rrjetr6pdxa",
	"почемужеонинеговорятпорусски":             "b1abfaaepdrnnbgefbadotcwatmq2g4l",
	"porquénopuedensimplementehablarenespañol": "porqunopuedensimplementehablarenespaol-fmd56a",
	"tạisaohọkhôngthểchỉnóitiếngviệt":          "tisaohkhngthchnitingvit-kjcr8268qyxafd2f1b9g",
	"3年b組金八先生":    "3b-ww4c5e180e575a65lsy2b",
	"-> $1.00 <-": "-> $1.00 <--",
}

func TestPunycodeSamples(t *testing.T) {
	for decoded, encoded := range punycodeSamples {
		if got, ok := encodePunycode(decoded); !ok || got != encoded {
			t.Errorf("encode %s: %s, %v, want %s", decoded, got, ok, encoded)
		}
		if got, ok := decodePunycode(encoded); !ok || got != decoded {
			t.Errorf("decode %s: %s, %v, want %s", encoded, got, ok, decoded)
		}
	}
	// The last ones pass 2^31 on the way.
	for _, bad := range []string{"9999999b", "pi970816aw1a", "fv383061z", "a-99999999", "zzzzzzz9", "9999994", "8888888", "99999999", "a-é", "kva_", "bcher-kv", "zzzzzzzzzzzzzzzzz", "é"} {
		if got, ok := decodePunycode(bad); ok {
			t.Errorf("decode %s: %q", bad, got)
		}
	}
}

func TestALabels(t *testing.T) {
	for label, want := range map[string]string{
		"hooks":         "hooks",
		"bücher":        "xn--bcher-kva",
		"xn--bcher-kva": "xn--bcher-kva",
		"straße":        "xn--strae-oqa",
		"サーバー":          "xn--vckucxgb",
		"中文":            "xn--fiq228c",
		"россия":        "xn--h1alffa9f",
		"ελλάδας":       "xn--hxakic4aa6c",
		"हिन्दी":        "xn--j2bd4cyah0f",
		"தமிழ்நாடு":     "xn--mlcjmx4a2deu8h",
		"বাংলাদেশ":      "xn--54b6eqazv8bc7e",
		"ไทย":           "xn--o3cw4h",
		"한국":            "xn--3e0b707e",
		"مصر":           "xn--wgbh1c",
		"ישראל":         "xn--4dbrk0ce",
		"việt":          "xn--vit-5kz",
		"2年":            "xn--2-pj3b",
		"日本-1":          "xn---1-5t7du0c",
	} {
		got, refusal := toALabel(label)
		if refusal != nil || got != want {
			t.Errorf("%s: %s, %v, want %s", label, got, refusal, want)
			continue
		}
		if again, refusal := toALabel(got); refusal != nil || again != got {
			t.Errorf("%s: %s is not accepted: %v", label, got, refusal)
		}
	}
}

func TestLabelsThatNeedMappingAreRefused(t *testing.T) {
	for why, label := range map[string]string{
		"upper case":             "B\u00dcCHER",
		"full-width letter":      "\uff4c\uff4f\uff43\uff41\uff4c",
		"full-width digit":       "a\uff11",
		"ideographic full stop":  "a\u3002b",
		"half-width full stop":   "a\uff61b",
		"one dot leader":         "a\u2024b",
		"enclosed digit":         "\u2460\u2461",
		"enclosed letter":        "\u24d0",
		"superscript":            "x\u00b2",
		"ordinal":                "n\u00ba",
		"modifier letter":        "\u02b0\u00e9",
		"mathematical":           "\U0001d5ba",
		"ligature":               "o\ufb03ce",
		"Arabic presentation":    "\ufe8d",
		"long s":                 "\u017focket",
		"Kelvin sign":            "\u212aelvin",
		"Angstrom sign":          "\u212bngstrom",
		"dz digraph":             "\u01c6",
		"title case":             "\u01c5",
		"Roman numeral":          "\u2170",
		"compatibility Han":      "\uf900",
		"half-width katakana":    "\uff76",
		"Hangul Jamo":            "\u1112\u1161\u11ab",
		"Hangul filler":          "a\u3164",
		"soft hyphen":            "local\u00adhost",
		"zero-width space":       "a\u200bb",
		"zero-width joiner":      "a\u200db",
		"zero-width non-joiner":  "a\u200cb",
		"word joiner":            "a\u2060b",
		"byte order mark":        "a\ufeffb",
		"bidi override":          "a\u202eb",
		"bidi isolate":           "a\u2066b",
		"tag character":          "a\U000e0061",
		"variation selector":     "a\ufe0f",
		"grapheme joiner":        "a\u034fb",
		"combining accent":       "e\u0301",
		"composing vowel sign":   "\u0b95\u0bc6\u0bbe",
		"leading mark":           "\u093eab",
		"Arabic-Indic digit":     "a\u0661",
		"symbol":                 "i\u2665ny",
		"emoji":                  "\U0001f600",
		"division slash":         "a\u2215b",
		"fraction slash":         "a\u2044b",
		"full-width solidus":     "a\uff0fb",
		"full-width at":          "a\uff20b",
		"full-width colon":       "a\uff1ab",
		"account of":             "\u2100",
		"ideographic space":      "a\u3000b",
		"no-break space":         "a\u00a0b",
		"line separator":         "a\u2028b",
		"C1 control":             "a\u0085b",
		"private use":            "\ue000",
		"noncharacter":           "\ufffe",
		"replacement character":  "a\ufffd",
		"unassigned":             "\u0378",
		"both directions":        "a\u05d0",
		"two hyphens":            "ab--\u00e9",
		"leading hyphen":         "-\u00e9",
		"trailing hyphen":        "\u00e9-",
		"digit before Hebrew":    "1\u05d0",
		"64 letters":             strings.Repeat("\u00e9", 64),
		"A-label of ASCII":       "xn--abc-",
		"empty A-label":          "xn--",
		"A-label with capitals":  "xn--bcher-kva8445foa\u00dc",
		"truncated A-label":      "xn--a",
		"A-label of full width":  "xn--" + mustEncode("\uff11\uff12"),
		"A-label upper case":     "xn--" + mustEncode("B\u00dc"),
		"A-label of a dot":       "xn--" + mustEncode("a\u3002b"),
		"A-label zero width":     "xn--" + mustEncode("a\u200b"),
		"A-label, surrogate":     "xn--" + "0jc",
		"nested A-label":         "xn--" + mustEncode("xn--\u00e9"),
		"A-label, two spellings": "xn---9ca",
	} {
		if got, refusal := toALabel(asciiLower(label)); refusal == nil {
			t.Errorf("%s: %q accepted as %s", why, label, got)
		}
	}
}

// No code point that passes may have another case, and none may be of a kind
// that is invisible or ends a line.
func TestStableCodePoints(t *testing.T) {
	passed := 0
	for r := rune(0x80); r <= unicode.MaxRune; r++ {
		if !stable(r) {
			continue
		}
		passed++
		if unicode.ToLower(r) != r || unicode.IsControl(r) || unicode.IsSpace(r) || unicode.In(r, unicode.Cf, unicode.Zl, unicode.Zp, unicode.Nd, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector) {
			t.Errorf("%U accepted", r)
		}
	}
	if passed < 100_000 {
		t.Errorf("only %d code points pass", passed)
	}
}

func mustEncode(label string) string {
	encoded, ok := encodePunycode(label)
	if !ok {
		panic(label)
	}
	return encoded
}

func FuzzPunycode(f *testing.F) {
	for decoded, encoded := range punycodeSamples {
		f.Add(decoded)
		f.Add(encoded)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if len(s) > 512 {
			return
		}
		s = strings.ToValidUTF8(s, "")
		if encoded, ok := encodePunycode(s); ok {
			if !isASCII(encoded) {
				t.Errorf("%q: encoded %q", s, encoded)
			}
			if back, ok := decodePunycode(encoded); !ok || back != s {
				t.Errorf("%q: %q, back %q, %v", s, encoded, back, ok)
			}
		}
		decodePunycode(s) // any input: no panic
		if label, refusal := toALabel(s); refusal == nil && strings.HasPrefix(label, acePrefix) {
			if again, refusal := toALabel(label); refusal != nil || again != label {
				t.Errorf("%q: %q, then %q, %v", s, label, again, refusal)
			}
		}
	})
}
