package claims

import "strings"

// Principal returns a text that identifies the caller among the callers of all issuers. It is for
// the owner of a record or the key of a limit. sub alone does not identify the caller: each issuer
// can give its tokens any sub (RFC 7519 section 4.1.2).
//
// It is made of iss and sub, or of iss and [Claims.ClientID] for a token without sub. The two
// kinds never give the same text, and neither do two issuers:
//
//	https://tenant.eu.auth0.com/ sub:auth0|66f2c1
//	https://issuer.example client:reports
//
// The text is never empty: an empty one would be the owner of all records without an owner. If
// the token has no iss, or neither sub nor client, or if c is nil, there is an error instead,
// which matches [ErrMissingClaim]. The form of the text does not change.
func (c *Claims) Principal() (string, error) {
	kind, id := " sub:", c.Subject()
	if id == "" {
		kind, id = " client:", c.ClientID()
	}
	if c.Issuer() == "" || id == "" {
		return "", refuse(ErrMissingClaim, "iss, and sub or a client")
	}
	// iss ends at the first space, because it has none.
	return spaceless.Replace(c.Issuer()) + kind + id, nil
}

var spaceless = strings.NewReplacer(" ", "%20", "%", "%25")

// Actor returns the party that acts for the subject now, or nil if there is none. It is the
// outermost act (RFC 8693 section 4.1). Its Subject is the actor's. Its Issuer is empty if the
// actor is of the token's own issuer. The Actor of an actor has acted before it: that is history,
// for audits and never for decisions.
//
// For an act that is not an object with claims of the right types, Actor returns Claims without a
// subject, and not nil: somebody acts, and it is not known who. Who only wants to know whether a
// policy allows it uses ActedBy of package middleware.
func (c *Claims) Actor() *Claims {
	value, ok := c.at([]string{"act"})
	if !ok || value == null {
		return nil
	}
	actor, err := parsePayload(value)
	if err != nil {
		return new(Claims)
	}
	return actor
}
