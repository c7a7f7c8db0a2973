package introspection

import (
	"errors"
	"net/http"
	"time"

	"github.com/bearerguard/bearerguard/claims"
	"github.com/bearerguard/bearerguard/internal/fetch"
)

var (
	errTooMany = errors.New("too many unknown tokens")
	errPaused  = errors.New("the endpoint fails, and is not asked for a moment")
	errQueue   = errors.New("too many requests under way")
	errPanic   = errors.New("a panic in the Client, the SigningKey, BearerToken or ResponseKeys")
)

// An outageError says why a token could not be asked about. It matches claims.ErrUnavailable, and
// is a *claims.UnavailableError under errors.As.
type outageError struct {
	retryAfter time.Duration
	err        error
}

func outage(retryAfter time.Duration, err error) error { return &outageError{retryAfter, err} }

func (e *outageError) Error() string { return "introspection: " + e.err.Error() }

// Is reports whether target is claims.ErrUnavailable.
func (e *outageError) Is(target error) bool { return target == claims.ErrUnavailable }

// As sets a target of type *claims.Reason, or **claims.UnavailableError for the time to retry.
func (e *outageError) As(target any) bool {
	switch target := target.(type) {
	case *claims.Reason:
		*target = claims.ErrUnavailable
	case **claims.UnavailableError:
		*target = &claims.UnavailableError{RetryAfter: e.retryAfter, Err: e.err}
	default:
		return false
	}
	return true
}

func (e *outageError) Unwrap() error { return e.err }

// A credentialError is one of the application's: this API has no credential to show.
type credentialError struct{ err error }

func (e *credentialError) Error() string {
	return "no credential: " + fetch.Printable(e.err.Error(), 200)
}

func (e *credentialError) Unwrap() error { return e.err }

// isCredentialError reports whether the endpoint does not accept this API (RFC 7662 section 2.3,
// RFC 6749 section 5.2). That says nothing about the token.
func isCredentialError(err error) bool {
	if _, ours := errors.AsType[*credentialError](err); ours {
		return true
	}
	failure, ok := errors.AsType[*fetch.Error](err)
	return ok && (failure.Status == http.StatusUnauthorized || failure.Status == http.StatusForbidden)
}

// isOutage reports whether another token would have failed as well. A stranger could otherwise stop
// the requests of all others by tokens that the endpoint calls malformed, or about which it fails
// with a 500. Only a guess can be such a token: the others are known to be the issuer's.
func isOutage(err error, lane int) bool {
	failure, answered := errors.AsType[*fetch.Error](err)
	switch {
	case !answered:
		_, ours := errors.AsType[*credentialError](err)
		return ours || errors.Is(err, errNoResponse) || errors.Is(err, errPanic)
	case failure.Status == http.StatusUnauthorized, failure.Status == http.StatusForbidden:
		return true
	case failure.Status == http.StatusInternalServerError && lane == guessLane:
		return failure.RetryAfter > 0
	}
	return failure.Status == 0 || failure.Retry
}

// pauseOf returns the Retry-After of the endpoint, or 0.
func pauseOf(err error) time.Duration {
	failure, ok := errors.AsType[*fetch.Error](err)
	if !ok {
		return 0
	}
	return min(failure.RetryAfter, maxBreak)
}
