package main

import (
	"encoding/base64"
	"strings"
	"time"

	"github.com/bearerguard/bearerguard/internal/strict"
)

// maxShown is the length of the longest token whose contents are shown. A verifier refuses
// longer ones by default.
const maxShown = 16 << 10

// contents are what is shown of a token.
type contents struct {
	header, claims []member
	signatureBytes int
	notShown       []string // fixed texts
}

// A member is a member of the header or of the claims.
type member struct {
	name  string // any characters
	value string // JSON in printable ASCII
	words string // a time in words, or ""
}

// A viewer reads tokens to show them.
type viewer struct {
	now      time.Time
	personal bool // show claims about a person
}

// read returns what can be shown of a token. It reads a token like the verifier, so that it
// never shows other claims than those which are checked.
func (v viewer) read(token string) contents {
	var c contents
	if len(token) > maxShown {
		c.notShown = append(c.notShown, "header and claims not shown: the token is longer than 16 KiB")
		return c
	}
	compact, err := strict.Cut(token)
	if err != nil { // an encrypted token has a readable header
		compact.Header, _, _ = strings.Cut(token, ".")
	}
	show := func(part, segment string) []member {
		members, err := v.members(segment)
		if err != nil {
			c.notShown = append(c.notShown, part+" not shown: "+err.Error())
		}
		return members
	}
	c.header = show("header", compact.Header)
	if err != nil {
		c.notShown = append(c.notShown, "claims not shown: "+err.Error())
		return c
	}
	c.claims = show("claims", compact.Payload)
	c.signatureBytes = base64.RawURLEncoding.DecodedLen(len(compact.Signature))
	return c
}

// members returns the members of the object that segment encodes. The error's text is fixed.
func (v viewer) members(segment string) ([]member, error) {
	document, err := strict.Decode(segment)
	if err != nil {
		return nil, err
	}
	var members []member
	err = strict.Object(document, func(name, value string) error {
		members = append(members, member{
			name:  cut(name, maxName),
			value: v.value(name, value),
			words: v.words(name, value),
		})
		return nil
	})
	if err != nil {
		return nil, err
	}
	return members, nil
}

// words returns a registered time (RFC 7519 section 4.1, OpenID Connect Core 1.0) in words.
func (v viewer) words(name, value string) string {
	switch name {
	case "exp", "nbf", "iat", "auth_time", "updated_at":
	default:
		return ""
	}
	at, err := strict.NumericDate(value)
	if err != nil {
		return "not a time in seconds"
	}
	return at.Format("2006-01-02 15:04:05 UTC") + ", " + distance(at.Sub(v.now))
}
