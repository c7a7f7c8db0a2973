package introspection

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
	signedType    = "token-introspection+jwt"   // RFC 9701 section 5
	signedAccept  = "application/" + signedType // RFC 9701 section 4
	maxSignedAge  = time.Minute                 // of an answer, by its iat, in either direction
	maxKeyIDBytes = 256                         // as in an access token
	plainAccept   = "application/json"          // RFC 7662 section 2.2
	errNotSigned  = signedError("is not a JWS in the compact serialization, as RFC 9701 demands")
	errHeader     = signedError("has a header that RFC 9701 does not have, or an algorithm that is not in ResponseAlgorithms")
	errSigned     = signedError("has an invalid signature")
	errUnknownKey = signedError("is signed with an unknown key")
	errSignedFor  = signedError("lacks the right iss, aud and iat, or a member token_introspection (RFC 9701 section 5)")
)

// A signedError says what is wrong with a signed answer. It holds nothing of it.
type signedError string

func (e signedError) Error() string { return "the signed answer " + string(e) }

// A verifier checks signed answers (RFC 9701 section 5).
type verifier struct {
	algorithms []string
	keys       claims.KeySet
	audience   string // our client identifier
}

// open returns the answer within a signed one.
func (v *verifier) open(ctx context.Context, issuer, text string, now time.Time) (string, error) {
	parts, err := strict.Cut(strings.TrimSpace(text))
	if err != nil {
		return "", errNotSigned
	}
	h, err := readHeader(parts.Header)
	if err != nil || !slices.Contains(v.algorithms, h.alg) {
		return "", errHeader
	}
	signature, err := strict.AppendDecode(nil, parts.Signature)
	if err != nil {
		return "", errNotSigned
	}
	if err := v.verify(ctx, h, []byte(parts.SigningInput), signature); err != nil {
		return "", err
	}
	payload, err := strict.Decode(parts.Payload)
	if err != nil {
		return "", errNotSigned
	}
	return v.unwrap(issuer, payload, now)
}

type header struct{ alg, kid, typ string }

func readHeader(segment string) (h header, err error) {
	document, err := strict.Decode(segment)
	if err != nil {
		return header{}, err
	}
	err = strict.Object(document, func(name, value string) (err error) {
		switch name {
		case "alg":
			h.alg, err = strict.Unquote(value)
		case "kid":
			h.kid, err = strict.Unquote(value)
		case "typ":
			h.typ, err = strict.Unquote(value)
		case "crit", "b64":
			err = errHeader // RFC 7515 section 4.1.11, RFC 7797 section 7
		}
		return err
	})
	typ := strings.TrimPrefix(strings.ToLower(h.typ), "application/")
	if err == nil && (typ != signedType || len(h.kid) > maxKeyIDBytes) {
		err = errHeader // another JWT of the issuer must not pass for an answer
	}
	return h, err
}

func (v *verifier) verify(ctx context.Context, h header, input, signature []byte) error {
	keys, err := v.keys.Keys(ctx, h.alg, h.kid)
	switch {
	case errors.Is(err, claims.ErrUnknownKey), err == nil && len(keys) == 0:
		return errUnknownKey
	case err != nil:
		return err
	}
	for _, key := range keys[:min(len(keys), 4)] {
		if key != nil && key.Verify(input, signature) == nil {
			return nil
		}
	}
	return errSigned
}

// unwrap checks that the answer is by the issuer, for this API and fresh. A recorded one could
// otherwise hide a revocation.
func (v *verifier) unwrap(issuer, payload string, now time.Time) (inner string, err error) {
	var by string
	var forUs bool
	var at time.Time
	err = strict.Object(payload, func(name, value string) (err error) {
		switch name {
		case "iss":
			by, err = strict.Unquote(value)
		case "aud":
			forUs = strict.HasString(value, v.audience)
		case "iat":
			at, err = strict.NumericDate(value)
		case "token_introspection":
			inner = value
		}
		return err
	})
	if age := now.Sub(at); err != nil || by != issuer || !forUs || inner == "" || at.IsZero() || age.Abs() > maxSignedAge {
		return "", errSignedFor
	}
	return inner, nil
}
