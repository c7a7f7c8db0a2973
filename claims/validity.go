package claims

import "time"

// ValidUntil returns the time from which on Verify refuses these claims as expired. It is their
// exp plus the Leeway of their issuer (RFC 7519 section 4.1.4).
//
// The time is zero without an exp. For an issuer that v does not know, it is exp itself.
// ValidUntil checks nothing else: it does not say that the token is valid before.
func (v *Verifier) ValidUntil(c *Claims) time.Time {
	end := c.ExpiresAt()
	if end.IsZero() {
		return end
	}
	if issuer, ok := v.trusted.Load().issuers[c.Issuer()]; ok {
		return end.Add(issuer.Leeway)
	}
	return end.Add(c.leeway) // of an issuer that Config.Resolve has found
}
