package logout

import (
	"errors"
	"slices"
	"time"

	"github.com/bearerguard/bearerguard/internal/strict"
)

const (
	maxKeyIDBytes = 256

	// maxIDBytes bounds jti, sub and sid: what an entry of a list can have.
	maxIDBytes = 1024

	// event is the member of events that makes a token a logout token (section 2.4).
	event = "http://schemas.openid.net/event/backchannel-logout"
)

// types are the accepted values of typ. Section 2.4 recommends logout+jwt. Tokens of older
// providers have JWT or none, and are known by their events.
var types = []string{"", "jwt", "logout+jwt"}

var (
	errTooLong  = errors.New("too long")
	errCritical = errors.New("critical extensions are not supported") // RFC 7515 section 4.1.11
)

type header struct{ alg, kid, typ string }

func parseHeader(segment string) (h header, err error) {
	document, err := strict.Decode(segment)
	if err != nil {
		return h, malformed("header", err)
	}
	err = strict.Object(document, func(name, value string) (err error) {
		switch name {
		case "alg":
			h.alg, err = strict.Unquote(value)
		case "kid":
			h.kid, err = bounded(value, maxKeyIDBytes)
		case "typ":
			h.typ, err = strict.Unquote(value)
		case "crit", "b64":
			err = errCritical
		}
		return err
	})
	switch {
	case err != nil:
		return h, malformed("header", err)
	case !slices.Contains(types, mediaType(h.typ)):
		return h, refusal("typ is that of another kind of token")
	}
	return h, nil
}

type payload struct {
	issuer, id, subject, sessionID string
	audience                       string // JSON text
	issuedAt, expiresAt            time.Time
	isLogout, hasNonce             bool
}

func parsePayload(segment string) (p payload, err error) {
	document, err := strict.Decode(segment)
	if err != nil {
		return p, malformed("payload", err)
	}
	if err := strict.Object(document, p.read); err != nil {
		return p, malformed("payload", err)
	}
	return p, nil
}

func (p *payload) read(name, value string) (err error) {
	switch name {
	case "iss":
		p.issuer, err = strict.Unquote(value)
	case "aud":
		p.audience = value
	case "iat":
		p.issuedAt, err = strict.NumericDate(value)
	case "exp":
		p.expiresAt, err = strict.NumericDate(value)
	case "jti":
		p.id, err = bounded(value, maxIDBytes)
	case "sub":
		p.subject, err = optional(value)
	case "sid":
		p.sessionID, err = optional(value)
	case "events":
		// The member's value must be an object, and should be an empty one.
		member, found := strict.Lookup(value, event)
		p.isLogout = found && member[0] == '{'
	case "nonce":
		p.hasNonce = true // also if it is null
	}
	return err
}

func bounded(literal string, most int) (string, error) {
	s, err := strict.Unquote(literal)
	if err == nil && len(s) > most {
		err = errTooLong
	}
	return s, err
}

// optional is for a claim that serializers write as null if it has no value.
func optional(literal string) (string, error) {
	if literal == "null" {
		return "", nil
	}
	return bounded(literal, maxIDBytes)
}
