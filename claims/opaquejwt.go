package claims

import (
	"context"
	"errors"
	"time"

	"github.com/bearerguard/bearerguard/internal/strict"
)

// introspectsJWTs reports whether the issuer is asked about its JWTs as well.
func (i *Issuer) introspectsJWTs() bool {
	if i.Opaque == nil {
		return false
	}
	_, _, _, jwts := i.Opaque.Tokens()
	return jwts
}

// checkActive asks the issuer about a JWT that is valid by its signature and claims. The claims of
// the request stay those that were signed.
func (i *Issuer) checkActive(ctx context.Context, token string, signed *Claims, now time.Time) error {
	if !i.introspectsJWTs() {
		return nil
	}
	payload, remembered, err := i.introspect(ctx, token)
	switch {
	case errors.Is(err, ErrRejected):
		return refuse(ErrRevoked, inactive) // all else about it is known to be right
	case err != nil:
		return err
	}
	answer, err := parseAnswer(payload)
	if err != nil {
		return err
	}
	if err := i.checkAnswerAbout(signed, answer, now); err != nil {
		return err
	}
	if !remembered {
		i.Opaque.Accepted(i.URL, token)
	}
	return nil
}

// checkAnswerAbout checks the answer about a JWT whose own claims have passed all checks. The answer
// must not say that it is another kind of token, that it is not for this API, or that it is bound
// to a key that the JWT does not name.
func (i *Issuer) checkAnswerAbout(signed, answer *Claims, now time.Time) error {
	if err := i.checkIssuer(answer); err != nil {
		return err
	}
	if err := signed.checkSameToken(answer); err != nil {
		return err
	}
	if err := answer.checkAnswerType(signed); err != nil {
		return err
	}
	if err := i.checkTimes(answer, now); err != nil {
		return err
	}
	if named := answer.audience != (strict.Span{}) && !answer.hasEmptyAudience(); named && !answer.hasAudience(i.Audiences) {
		return refuse(ErrAudience, "by the answer of the issuer")
	}
	return signed.checkSameBinding(answer)
}

// checkSameToken refuses an answer about another token, which a cache or a proxy in front of the
// endpoint may give. A jti is of one token (RFC 7519 section 4.1.7), so if both have it, the sub
// does not matter: an issuer may tell each API another one (RFC 7662 section 2.2). A claim that the
// JWT or the answer lacks tells nothing.
func (c *Claims) checkSameToken(answer *Claims) error {
	for _, name := range [...]string{"jti", "sub"} {
		if !c.has(name) || !answer.has(name) {
			continue
		}
		signed, isText := c.stringClaim(name)
		if told, ok := answer.stringClaim(name); !isText || !ok || told != signed {
			return refuse(ErrUnavailable, "the answer of the issuer is about another token: it has another "+name)
		}
		return nil
	}
	return nil
}

// checkSameBinding refuses an answer that binds the token to a key that the JWT does not name. The
// caller proves only the keys in the JWT, and without any it would be a bearer token (RFC 8705
// section 3.2, RFC 9449 section 6.2).
func (c *Claims) checkSameBinding(answer *Claims) error {
	if answer.confirmation == (strict.Span{}) {
		return nil
	}
	err := answer.confirmBy(context.Background(), "", func(member, value string) Proof {
		if signed, ok := c.Confirmation(member); ok && string(signed) == value {
			return provenLater{}
		}
		return nil
	})
	if err != nil {
		return refuse(ErrConfirmation, "the answer of the issuer names a key that the JWT does not name")
	}
	return nil
}

// A provenLater is for a key that the JWT names as well. The proof of the caller is checked for it.
type provenLater struct{}

func (provenLater) Member() string { return "" }

func (provenLater) Confirm(context.Context, string, []byte) error { return nil }
