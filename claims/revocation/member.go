package revocation

import (
	"strconv"
	"strings"
)

// letters are the kinds of entries in an identity.
const letters = "tsuci"

// identity returns what a change is about, as the server has it. That is the letter of the kind,
// the length of the issuer in bytes, a colon, the issuer, and the identifier.
func (c change) identity() string {
	return letters[c.kind:c.kind+1] + strconv.Itoa(len(c.issuer)) + ":" + c.issuer + c.id
}

// stateTexts returns the letter, threshold and expiry of a change.
func (c change) stateTexts() (letter, threshold, expires string) {
	switch {
	case c.removed:
		letter = "r"
	case c.givenBack:
		letter = "g"
	default:
		letter = "b"
	}
	return letter, c.threshold.String(), c.expires.String()
}

func (s second) String() string { return strconv.FormatUint(uint64(s), 10) }

// parseMember returns the change that an identity and its state describe. It returns false if they
// are not exactly as this package writes them.
func parseMember(identity, state string) (change, bool) {
	c, ok := parseIdentity(identity)
	if !ok {
		return change{}, false
	}
	letter, times, _ := strings.Cut(state, " ")
	threshold, expires, _ := strings.Cut(times, " ")
	var okThreshold, okExpires bool
	c.removed = letter == "r"
	c.threshold, okThreshold = parseSecond(threshold)
	c.expires, okExpires = parseSecond(expires)
	return c, (letter == "b" || letter == "r") && okThreshold && okExpires && c.expires != 0
}

func parseIdentity(identity string) (change, bool) {
	if len(identity) < len("i1:x") {
		return change{}, false
	}
	k := strings.IndexByte(letters, identity[0])
	digits, _, found := strings.Cut(identity[1:min(len(identity), maxIdentityHead)], ":")
	length, err := strconv.Atoi(digits)
	if k < 0 || !found || err != nil || strconv.Itoa(length) != digits {
		return change{}, false
	}
	rest := identity[len("i")+len(digits)+len(":"):]
	if length < 1 || length > maxIssuerBytes || length > len(rest) {
		return change{}, false
	}
	c := change{kind: kind(k), issuer: rest[:length], id: rest[length:]}
	return c, (c.id == "") == (c.kind == issuerKind) && len(c.id) <= maxIDBytes
}

// maxIdentityHead is enough for the letter, the length of the longest issuer, and the colon.
const maxIdentityHead = len("i2048:")

func parseSecond(text string) (second, bool) {
	n, err := strconv.ParseUint(text, 10, 32)
	s := second(n)
	return s, err == nil && s.String() == text
}
