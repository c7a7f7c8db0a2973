package dpop

import (
	"time"

	"github.com/bearerguard/bearerguard/claims"
)

// The reasons of this package, beside those of package claims. Like those, they are sentinels
// for errors.Is and stable codes for logs and metrics.
const (
	// ErrProof: the proof is missing, malformed, or made for another request or time (RFC
	// 9449 section 4.3).
	ErrProof claims.Reason = "proof"
	// ErrReplay: the proof was used before (RFC 9449 section 11.1).
	ErrReplay claims.Reason = "replay"
	// ErrNonce: the proof needs a nonce of this server, or a newer one (RFC 9449 section 9).
	ErrNonce claims.Reason = "nonce"
)

// The error codes of RFC 9449 section 12.2 and RFC 6750 section 3.1.
const (
	codeInvalidProof = "invalid_dpop_proof"
	codeUseNonce     = "use_dpop_nonce"
	codeInvalidToken = "invalid_token"
)

// An Error says why [Proof.Confirm] did not confirm a token. It matches its Reason under
// [errors.Is], and everything that Err wraps.
type Error struct {
	_ [0]func() // written with field names

	// Code is the OAuth error code of the 401: invalid_dpop_proof, use_dpop_nonce or
	// invalid_token. It is empty if the proof could not be checked; the answer is a 503 then.
	Code string

	// Reason is the stable code for logs and metrics. It is ErrProof, ErrReplay, ErrNonce,
	// claims.ErrConfirmation for a proof with another key than the token's, or
	// claims.ErrUnavailable.
	Reason claims.Reason

	// Nonce is the value of the DPoP-Nonce field. It is set if Code is use_dpop_nonce.
	Nonce string

	// RetryAfter is how long to wait after a 503; 0 if that is not known.
	RetryAfter time.Duration

	// Err is the error of the ReplayStore, for logs; nil for a proof that is refused.
	Err error

	detail string
}

// Error returns a text for logs. It has no byte of the proof.
func (e *Error) Error() string {
	if e.Err != nil {
		return "dpop: " + e.detail + ": " + e.Err.Error()
	}
	return "dpop: " + e.detail
}

// Detail returns which check failed: a fixed text without a byte of the request.
func (e *Error) Detail() string { return e.detail }

// Is reports whether target is e's Reason.
func (e *Error) Is(target error) bool { return target == e.Reason }

// As sets a target of type *claims.Reason.
func (e *Error) As(target any) bool {
	reason, ok := target.(*claims.Reason)
	if ok {
		*reason = e.Reason
	}
	return ok
}

// Unwrap returns Err.
func (e *Error) Unwrap() error { return e.Err }

func invalidProof(detail string) *Error {
	return &Error{Code: codeInvalidProof, Reason: ErrProof, detail: detail}
}
