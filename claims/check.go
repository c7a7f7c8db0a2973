package claims

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/bearerguard/bearerguard/internal/strict"
)

func (i *Issuer) checkAlgorithm(h header) error {
	if !slices.Contains(i.Algorithms, h.alg) {
		return refuse(ErrAlgorithm, "")
	}
	return nil
}

// checkType refuses other kinds of token (RFC 8725 sections 3.11 and 3.12).
func (i *Issuer) checkType(h header, c *Claims) error {
	if !slices.Contains(i.TokenTypes, h.typ) {
		return refuse(ErrType, "typ")
	}
	return c.checkKind()
}

// checkKind refuses tokens with claims that only other kinds have.
func (c *Claims) checkKind() error {
	switch {
	case c.otherKind:
		return refuse(ErrType, "a claim that only other kinds of token have")
	case c.nonce && !c.has("scope") && !c.has("scp"):
		// RFC 9068 section 5. ScopeClaims do not count here, because ID tokens may have roles
		// or groups as well.
		return refuse(ErrType, "nonce without scopes, as in ID tokens")
	}
	return nil
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

// checkLifetime compares the time from iat to exp with MaxLifetime. Without the limit on iat, a
// token could be made long before its iat and be of use all the time until exp.
func (i *Issuer) checkLifetime(c *Claims, now time.Time) error {
	switch {
	case i.MaxLifetime == 0:
		return nil
	case c.issuedAt.IsZero():
		return refuse(ErrMissingClaim, "iat, which Issuer.MaxLifetime needs")
	case now.Add(i.Leeway).Before(c.issuedAt):
		return refuse(ErrNotYetValid, "iat is in the future")
	case c.expiresAt.Sub(c.issuedAt) > i.MaxLifetime:
		return refuse(ErrMissingClaim, "exp is later than iat and Issuer.MaxLifetime")
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

// checkRequired requires the claims, and values of claims, that the issuer's settings name.
func (i *Issuer) checkRequired(c *Claims) error {
	for _, name := range i.RequiredClaims {
		if !c.has(name) {
			return refuse(ErrMissingClaim, name)
		}
	}
	if i.RequiredAny != nil && !slices.ContainsFunc(i.RequiredAny, c.hasContent) {
		return refuse(ErrMissingClaim, strings.Join(i.RequiredAny, " or "))
	}
	wrong := ""
	for name, values := range i.ClaimOneOf {
		if got, ok := c.stringClaim(name); !ok || !slices.Contains(values, got) {
			wrong = firstOf(wrong, name)
		}
	}
	if wrong != "" {
		return refuse(ErrMissingClaim, wrong)
	}
	if err := checkValues(c, i.ClaimValues); err != nil {
		return err
	}
	return checkClaimRules(c, i.rules)
}

func checkValues(c *Claims, values map[string]string) error {
	wrong := ""
	for name, want := range values {
		if got, ok := c.stringClaim(name); !ok || got != want {
			wrong = firstOf(wrong, name)
		}
	}
	if wrong != "" {
		return refuse(ErrMissingClaim, wrong)
	}
	return nil
}

// firstOf returns the name that sorts first. So a refusal does not depend on the order in which a
// map is read. "" is no name.
func firstOf(found, name string) string {
	if found == "" || name < found {
		return name
	}
	return found
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
