package claims

import "time"

// A Reason says why a token was not accepted. Its constants are at once the
// sentinels for [errors.Is] and the stable codes for logs and metrics:
//
//	if errors.Is(err, claims.ErrExpired) { … }
//
//	var reason claims.Reason
//	if errors.As(err, &reason) { refusals.WithLabelValues(string(reason)).Inc() }
//
// A code never changes once it has been released. New ones may be added.
type Reason string

// The reasons for which [Verifier.Verify] refuses a token. A 401 or 403 is the
// right answer to all of them but the last two, which say that no decision could
// be made.
const (
	// ErrMalformed: not three base64url segments, not strict JSON, or a member of
	// the wrong type (RFC 7515 section 5.2, RFC 7519 section 7.2).
	ErrMalformed Reason = "malformed"
	// ErrAlgorithm: an alg that this issuer does not use (RFC 8725 section 3.1).
	ErrAlgorithm Reason = "algorithm"
	// ErrType: another kind of token, by its typ or by its claims (RFC 8725
	// sections 3.11 and 3.12).
	ErrType Reason = "type"
	// ErrIssuer: an iss that is not configured (RFC 8725 section 3.8).
	ErrIssuer Reason = "issuer"
	// ErrAudience: an aud without any of ours (RFC 7519 section 4.1.3).
	ErrAudience Reason = "audience"
	// ErrExpired: on or after exp (RFC 7519 section 4.1.4).
	ErrExpired Reason = "expired"
	// ErrNotYetValid: before nbf (RFC 7519 section 4.1.5).
	ErrNotYetValid Reason = "not_yet_valid"
	// ErrMissingClaim: a claim that has to be there is not, or has another value
	// than the issuer's policy demands.
	ErrMissingClaim Reason = "missing_claim"
	// ErrConfirmation: bound to a key (cnf, RFC 7800) that the caller did not
	// prove to hold.
	ErrConfirmation Reason = "confirmation"
	// ErrUnknownKey: the issuer's current key set has no key for the token's alg
	// and kid.
	ErrUnknownKey Reason = "unknown_key"
	// ErrSignature: no candidate key verifies the signature.
	ErrSignature Reason = "signature"
	// ErrRevoked: refused by a Validate hook because the token was withdrawn.
	ErrRevoked Reason = "revoked"
	// ErrRejected: refused by a Validate hook or a policy for a reason of its own.
	ErrRejected Reason = "rejected"
	// ErrAuthentication: valid, but its user authenticated too weakly or too long ago
	// for this (RFC 9470). Package middleware's RequireAuthentication gives it, with a
	// 401 that asks for more; a hook or policy that returns it only refuses.
	ErrAuthentication Reason = "authentication"
	// ErrForbidden: valid, but not allowed to do this. The answer is a 403.
	ErrForbidden Reason = "forbidden"
	// ErrUnavailable: a hook could not decide. The answer is a 503.
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
	ErrMissingClaim:    "a required claim is missing",
	ErrConfirmation:    "token is bound to a key that was not proven",
	ErrUnknownKey:      "signing key is unknown",
	ErrSignature:       "signature is invalid",
	ErrRevoked:         "token was revoked",
	ErrRejected:        "token was rejected",
	ErrAuthentication:  "authentication does not suffice",
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

// An UnavailableError is what a [KeySet] returns when it could not obtain keys. It
// matches [ErrKeysUnavailable] under [errors.Is].
type UnavailableError struct {
	RetryAfter time.Duration // until the next attempt; 0 if that is not known
	Err        error         // the cause, for logs; may be nil
}

// Error returns the cause's text behind a fixed prefix. It is for logs, not for
// callers.
func (e *UnavailableError) Error() string {
	if e.Err == nil {
		return ErrKeysUnavailable.Error()
	}
	return ErrKeysUnavailable.Error() + ": " + e.Err.Error()
}

// Is reports whether target is [ErrKeysUnavailable].
func (e *UnavailableError) Is(target error) bool { return target == ErrKeysUnavailable }

// As sets a *Reason target, so that every error of [Verifier.Verify] has a Reason.
func (e *UnavailableError) As(target any) bool {
	reason, ok := target.(*Reason)
	if ok {
		*reason = ErrKeysUnavailable
	}
	return ok
}

// Unwrap returns the cause.
func (e *UnavailableError) Unwrap() error { return e.Err }
