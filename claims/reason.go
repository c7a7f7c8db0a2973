package claims

import "time"

// A Reason says why a token was not accepted. The constants are both sentinels for
// [errors.Is] and stable codes for logs and metrics:
//
//	if errors.Is(err, claims.ErrExpired) { … }
//
//	var reason claims.Reason
//	if errors.As(err, &reason) { refusals.WithLabelValues(string(reason)).Inc() }
//
// A released code never changes. New codes may be added.
type Reason string

// The reasons for which [Verifier.Verify] refuses a token. The last two say that the token
// could not be checked: the right answer is a 503. For the others it is a 401 or a 403.
const (
	// ErrMalformed: not three base64url segments, not strict JSON, or a wrong type of a member.
	// See RFC 7515 section 5.2 and RFC 7519 section 7.2.
	ErrMalformed Reason = "malformed"
	// ErrAlgorithm: an alg that this issuer does not use (RFC 8725 section 3.1).
	ErrAlgorithm Reason = "algorithm"
	// ErrType: another kind of token, as its typ or its claims show (RFC 8725 sections
	// 3.11 and 3.12).
	ErrType Reason = "type"
	// ErrIssuer: an iss that is not configured (RFC 8725 section 3.8).
	ErrIssuer Reason = "issuer"
	// ErrAudience: an aud without any of the issuer's audiences (RFC 7519 section 4.1.3).
	ErrAudience Reason = "audience"
	// ErrExpired: on or after exp and the leeway (RFC 7519 section 4.1.4).
	ErrExpired Reason = "expired"
	// ErrNotYetValid: before nbf (RFC 7519 section 4.1.5).
	ErrNotYetValid Reason = "not_yet_valid"
	// ErrMissingClaim: a required claim is absent, or lacks the value that the issuer's
	// settings require. An exp that is too late for Issuer.MaxLifetime is such a value.
	ErrMissingClaim Reason = "missing_claim"
	// ErrConfirmation: bound to a key (cnf, RFC 7800), and the caller did not prove
	// possession of the key.
	ErrConfirmation Reason = "confirmation"
	// ErrUnknownKey: the issuer's current key set has no key for the token's alg
	// and kid.
	ErrUnknownKey Reason = "unknown_key"
	// ErrUnusableKey: the issuer publishes the key that the token names, but the key cannot be
	// used. For example, it is too short. ErrUnusableKey matches ErrUnknownKey too.
	ErrUnusableKey Reason = "unusable_key"
	// ErrSignature: no candidate key verifies the signature.
	ErrSignature Reason = "signature"
	// ErrRevoked: refused by a Validate hook because the token was withdrawn. Also a JWT that its
	// issuer says is not active (RFC 7662 section 2.2).
	ErrRevoked Reason = "revoked"
	// ErrRejected: refused by a Validate hook, or a custom Verifier, for any other reason. Also
	// an opaque token that its issuer says is not active: it was revoked, has expired or never
	// was a token, which the answer does not tell apart.
	ErrRejected Reason = "rejected"
	// ErrAuthentication: valid, but the user authenticated too weakly or too long ago
	// for this request (RFC 9470). RequireAuthentication of package middleware returns
	// it, and its 401 asks for a stronger authentication. A hook or policy that returns
	// it only refuses the request.
	ErrAuthentication Reason = "authentication"
	// ErrForbidden: valid, but not allowed to do this. The answer is a 403.
	ErrForbidden Reason = "forbidden"
	// ErrUnavailable: a hook, a Proof or an introspection could not complete its check. The
	// answer is a 503.
	ErrUnavailable Reason = "unavailable"
	// ErrKeysUnavailable: the issuer's keys could not be obtained. The answer is a
	// 503, never a 401: an outage says nothing about the token.
	ErrKeysUnavailable Reason = "keys_unavailable"
)

var reasonTexts = map[Reason]string{
	ErrMalformed:       "token is malformed",
	ErrAlgorithm:       "signature algorithm is not allowed",
	ErrType:            "token is of another type",
	ErrIssuer:          "issuer is not trusted",
	ErrAudience:        "token is for another audience",
	ErrExpired:         "token has expired",
	ErrNotYetValid:     "token is not yet valid",
	ErrMissingClaim:    "a required claim or value is missing",
	ErrConfirmation:    "token is bound to a key that was not proven",
	ErrUnknownKey:      "signing key is unknown",
	ErrUnusableKey:     "signing key is published but cannot be used",
	ErrSignature:       "signature is invalid",
	ErrRevoked:         "token was revoked",
	ErrRejected:        "token was rejected",
	ErrAuthentication:  "authentication is not sufficient",
	ErrForbidden:       "not permitted",
	ErrUnavailable:     "verification is unavailable",
	ErrKeysUnavailable: "the issuer's keys are unavailable",
}

// Error returns a fixed English text; the code itself is string(r).
func (r Reason) Error() string {
	if text, ok := reasonTexts[r]; ok {
		return "claims: " + text
	}
	return "claims: " + string(r)
}

// Is reports whether target is ErrUnknownKey and r is ErrUnusableKey. A key that cannot be used is
// one of the keys that the set does not have.
func (r Reason) Is(target error) bool { return r == ErrUnusableKey && target == ErrUnknownKey }

// An UnavailableError reports that a [KeySet] could not obtain keys. It matches
// [ErrKeysUnavailable] under [errors.Is].
type UnavailableError struct {
	RetryAfter time.Duration // time until the next attempt; 0 if unknown
	Err        error         // the cause, for logs; may be nil
}

// Error returns a fixed prefix and the cause's text. It is for logs and must not be sent
// to a client.
func (e *UnavailableError) Error() string {
	if e.Err == nil {
		return ErrKeysUnavailable.Error()
	}
	return ErrKeysUnavailable.Error() + ": " + e.Err.Error()
}

// Unwrap returns [ErrKeysUnavailable] and the cause, if there is one: every error of
// [Verifier.Verify] has a Reason.
func (e *UnavailableError) Unwrap() []error {
	if e.Err == nil {
		return []error{ErrKeysUnavailable}
	}
	return []error{ErrKeysUnavailable, e.Err}
}
