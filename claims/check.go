package claims

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/bearerguard/bearerguard/internal/strict"
)

// check applies the issuer's settings to an unverified token, cheapest check first. A
// foreign, expired or broken token is refused here, without looking up a key and without
// causing a fetch.
func (i *Issuer) check(h header, c *Claims, now time.Time) error {
	switch {
	case !slices.Contains(i.Algorithms, h.alg):
		return refuse(ErrAlgorithm, "")
	case !slices.Contains(i.TokenTypes, h.typ):
		return refuse(ErrType, "typ")
	case c.otherKind:
		return refuse(ErrType, "a claim that only other kinds of token have")
	case c.nonce && !c.has("scope") && !c.has("scp"):
		// RFC 9068 section 5. ScopeClaims do not count here, because ID tokens may have roles
		// or groups as well.
		return refuse(ErrType, "nonce without scopes, as in ID tokens")
	}
	if err := i.checkTimes(c, now); err != nil {
		return err
	}
	if err := i.checkAudience(c); err != nil {
		return err
	}
	for _, name := range i.RequiredClaims {
		if !c.has(name) {
			return refuse(ErrMissingClaim, name)
		}
	}
	if i.RequiredAny != nil && !slices.ContainsFunc(i.RequiredAny, c.hasContent) {
		return refuse(ErrMissingClaim, strings.Join(i.RequiredAny, " or "))
	}
	for name, values := range i.ClaimOneOf {
		if got, ok := c.stringClaim(name); !ok || !slices.Contains(values, got) {
			return refuse(ErrMissingClaim, name)
		}
	}
	return checkValues(c, i.ClaimValues)
}

// checkTimes compares exp and nbf with the clock (RFC 7519 sections 4.1.4 and 4.1.5).
func (i *Issuer) checkTimes(c *Claims, now time.Time) error {
	switch {
	case c.expiresAt.IsZero():
		return refuse(ErrMissingClaim, "exp")
	case i.hasExpired(c, now):
		return refuse(ErrExpired, "")
	case now.Add(i.Leeway).Before(c.notBefore):
		return refuse(ErrNotYetValid, "")
	}
	return nil
}

func (i *Issuer) hasExpired(c *Claims, now time.Time) bool {
	return !now.Before(c.expiresAt.Add(i.Leeway))
}

// checkAudience requires one of the issuer's audiences in aud (RFC 7519 section 4.1.3).
// WithoutAudience applies only if aud names no audience at all, not if it names others.
func (i *Issuer) checkAudience(c *Claims) error {
	without := i.WithoutAudience
	switch absent := c.audience == (strict.Span{}); {
	case without != nil && (absent || c.hasEmptyAudience()):
	case absent:
		return refuse(ErrMissingClaim, "aud")
	case c.hasAudience(i.Audiences):
		return nil
	default:
		return refuse(ErrAudience, "")
	}
	client, ok := c.stringClaim(without.ClientIDClaim)
	if !ok || !slices.Contains(without.ClientIDs, client) {
		return refuse(ErrAudience, "no aud, and a client that is not listed")
	}
	return checkValues(c, without.ClaimValues)
}

func checkValues(c *Claims, values map[string]string) error {
	for name, want := range values {
		if got, ok := c.stringClaim(name); !ok || got != want {
			return refuse(ErrMissingClaim, name)
		}
	}
	return nil
}

// runValidate calls the issuer's hook and gives its error one Reason. ErrForbidden takes
// precedence over unavailability, and unavailability over ErrRevoked.
func (i *Issuer) runValidate(ctx context.Context, c *Claims) error {
	if i.Validate == nil {
		return nil
	}
	err := i.Validate(ctx, c)
	switch {
	case errors.Is(err, ErrForbidden):
		return &refusal{reason: ErrForbidden, err: err}
	case errors.Is(err, ErrRevoked) && !isUnavailable(err):
		return &refusal{reason: ErrRevoked, err: err}
	}
	return classify(err, ErrRejected)
}
