package guard

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

const acePrefix = "xn--" // RFC 5890 2.3.2.1

// toALabel turns a label with other than ASCII letters into its A-label, and
// checks one that came as such. Other labels pass unchanged.
//
// It maps nothing. IDNA's mapping (UTS #46) turns full-width digits,
// ideographic full stops, enclosed numbers and ligatures into ASCII, so a label
// that needs it is one name here and may be an address elsewhere: it is refused.
func toALabel(label string) (string, *Refusal) {
	if encoded, ok := strings.CutPrefix(label, acePrefix); ok {
		decoded, ok := decodePunycode(encoded)
		if !ok || isASCII(decoded) {
			return "", refuse(CodeURLIDN, "The part of the host name that starts with xn-- is not valid: write the name in its own letters instead.")
		}
		if refusal := checkULabel(decoded); refusal != nil {
			return "", refuse(CodeURLIDN, "The part of the host name that starts with xn-- stands for what international names cannot hold: use another name of your receiver, in letters, digits and hyphens.")
		}
		// A second spelling of a label would be a second name for it.
		if again, ok := encodePunycode(decoded); !ok || again != encoded {
			return "", refuse(CodeURLIDN, "The part of the host name that starts with xn-- is not valid: write the name in its own letters instead.")
		}
		return label, nil
	}
	if isASCII(label) {
		return label, nil
	}
	if refusal := checkULabel(label); refusal != nil {
		return "", refusal
	}
	encoded, ok := encodePunycode(label)
	if !ok {
		return "", refuse(CodeURLHost, "The host name is too long.")
	}
	return acePrefix + encoded, nil
}

// checkULabel accepts lower-case letters, marks, ASCII digits and hyphens in
// the form that IDNA 2008 (RFC 5892) leaves as it is.
func checkULabel(label string) *Refusal {
	if utf8.RuneCountInString(label) > 63 { // an A-label has a byte for each and more
		return refuse(CodeURLHost, "Each part of the host name between two dots may have at most 63 characters.")
	}
	if label[0] == '-' || label[len(label)-1] == '-' || len(label) > 3 && label[2:4] == "--" { // RFC 5891 4.2.3.1
		return refuse(CodeURLIDN, "A part of the host name has a hyphen at its start or end, or two in its third and fourth place.")
	}
	var previous rune
	var ltr, rtl bool
	for _, r := range label {
		switch {
		case r < utf8.RuneSelf && (isAlnum(byte(r)) && !('A' <= r && r <= 'Z') || r == '-'):
			ltr = ltr || isAlpha(byte(r))
		case !stable(r):
			return refuse(CodeURLIDN, "The host name holds a character that international names cannot have: use plain lower-case letters of one script, the digits 0 to 9 and hyphens, or the name's xn-- form.")
		case unicode.Is(unicode.M, r):
			if previous == 0 || composes(previous, r) {
				return refuse(CodeURLIDN, "The host name holds a loose accent: write the letter and its accent as one character.")
			}
		case unicode.Is(rightToLeft, r):
			rtl = true
		default:
			ltr = true
		}
		previous = r
	}
	if rtl && (ltr || label[0] < utf8.RuneSelf) { // RFC 5893 2: it would be shown in another order
		return refuse(CodeURLIDN, "A part of the host name mixes letters that run to the right with letters that run to the left, or starts with a digit before the latter.")
	}
	return nil
}

// stable reports whether a letter or mark stays itself under case folding and
// compatibility normalisation. Marks of no script of their own (U+0301 and the
// like) are refused: letters carry them in composed text.
func stable(r rune) bool {
	return unicode.In(r, unicode.L, unicode.Mn, unicode.Mc) &&
		unicode.ToLower(r) == r && !unicode.Is(unicode.Lt, r) &&
		!unicode.Is(unicode.Inherited, r) && !unicode.Is(unstable, r)
}

// composes reports whether normalisation (NFC) would make one letter of two.
// Several marks on one letter in another than the canonical order are not
// noticed: that is a name that nobody registered, never an address.
func composes(letter, mark rune) bool {
	return strings.ContainsRune(composing[mark], letter)
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}
