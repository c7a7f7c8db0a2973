package logout

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/bearerguard/bearerguard/claims"
	"github.com/bearerguard/bearerguard/internal/strict"
)

const (
	// MaxBytes is the maximum length of a logout token. That of a provider has less than 2 KiB.
	MaxBytes = 16 << 10

	// maxAge is how long a logout token is good after iat. The specification recommends that
	// exp is no later.
	maxAge = 2 * time.Minute

	// maxKeys bounds the signature checks that one token can cause, as in package claims.
	maxKeys = 4
)

// An Issuer says which logout tokens of one provider are accepted. All fields are required.
type Issuer struct {
	URL        string
	ClientIDs  []string // of which aud must have one
	Algorithms []string
	Keys       claims.KeySet
	Leeway     time.Duration // for exp and iat
}

// A Verifier holds the issuers by their URL.
type Verifier map[string]Issuer

// A Token is what a verified logout token says.
type Token struct {
	Issuer    string
	ID        string // jti
	Subject   string // may be empty if SessionID is not
	SessionID string // may be empty if Subject is not
	IssuedAt  time.Time
	Until     time.Time // from when on it is refused
}

// A refusal is why a logout token is not accepted: a fixed text that holds no byte of it.
type refusal string

func (r refusal) Error() string { return "logout: " + string(r) }

// malformed names the part of a token that err is about. The texts of package strict are fixed.
func malformed(part string, err error) error { return refusal(part + ": " + err.Error()) }

// Verify returns what a logout token says. An error that matches claims.ErrKeysUnavailable means
// that it could not be verified. The texts of all other errors are fixed.
//
// What is cheap comes first, and only a token that names a known issuer and one of its clients
// causes a look-up of a key.
func (v Verifier) Verify(ctx context.Context, token string, now time.Time) (Token, error) {
	if len(token) > MaxBytes {
		return Token{}, refusal("it is too long")
	}
	parts, err := strict.Cut(token)
	if err != nil {
		return Token{}, malformed("token", err)
	}
	h, err := parseHeader(parts.Header)
	if err != nil {
		return Token{}, err
	}
	signature, err := strict.AppendDecode(nil, parts.Signature)
	if err != nil {
		return Token{}, malformed("signature", err)
	}
	p, err := parsePayload(parts.Payload)
	if err != nil {
		return Token{}, err
	}
	issuer, known := v[p.issuer]
	if !known {
		return Token{}, refusal("iss is not a configured issuer")
	}
	t, err := issuer.check(h, p, now)
	if err != nil {
		return Token{}, err
	}
	return t, issuer.checkSignature(ctx, h, []byte(parts.SigningInput), signature)
}

// check makes the checks of section 2.6 that need no key.
func (i *Issuer) check(h header, p payload, now time.Time) (Token, error) {
	until := p.issuedAt.Add(maxAge)
	if p.expiresAt.Before(until) {
		until = p.expiresAt
	}
	until = until.Add(i.Leeway)
	names := func(client string) bool { return strict.HasString(p.audience, client) }
	var problem refusal
	switch {
	case !slices.Contains(i.Algorithms, h.alg): // also for none
		problem = "alg is not one of the issuer"
	case !slices.ContainsFunc(i.ClientIDs, names):
		problem = "aud is not one of ClientIDs"
	case p.issuedAt.IsZero() || p.expiresAt.IsZero():
		problem = "iat or exp is missing"
	case p.issuedAt.After(now.Add(i.Leeway)):
		problem = "iat is in the future"
	case !now.Before(until):
		problem = "it is too old"
	case p.id == "":
		problem = "jti is missing"
	case p.subject == "" && p.sessionID == "":
		problem = "sub and sid are missing"
	case !p.isLogout:
		problem = "events is not that of a back-channel logout"
	case p.hasNonce: // so that an ID token can never be a logout token
		problem = "it has a nonce"
	default:
		return Token{i.URL, p.id, p.subject, p.sessionID, p.issuedAt, until}, nil
	}
	return Token{}, problem
}

// checkSignature verifies the exact bytes received.
func (i *Issuer) checkSignature(ctx context.Context, h header, input, signature []byte) error {
	keys, err := i.Keys.Keys(ctx, h.alg, h.kid)
	switch {
	case errors.Is(err, claims.ErrUnknownKey):
		return refusal("the issuer has no key for it")
	case err != nil: // says nothing about the token
		return &claims.UnavailableError{Err: err}
	case len(keys) > maxKeys:
		return refusal("too many keys fit")
	}
	for _, key := range keys {
		if key != nil && key.Verify(input, signature) == nil {
			return nil
		}
	}
	return refusal("signature is invalid")
}

// mediaType returns typ in lower case and without "application/" (RFC 7515 section 4.1.9).
func mediaType(typ string) string {
	return strings.TrimPrefix(strings.ToLower(typ), "application/")
}
