package claims

import (
	"context"
	"errors"
)

// runValidate asks the issuer's hook, and gives its error one meaning: an error that
// forbids does so even if it also says that something was unavailable.
func (i *Issuer) runValidate(ctx context.Context, c *Claims) error {
	if i.Validate == nil {
		return nil
	}
	err := i.Validate(ctx, c)
	switch {
	case errors.Is(err, ErrForbidden):
		return &refusal{reason: ErrForbidden, err: err}
	case errors.Is(err, ErrRevoked) && !undecided(err):
		return &refusal{reason: ErrRevoked, err: err}
	}
	return classify(err, ErrRejected)
}

// classify gives a hook's error its Reason: could not decide, or refused.
func classify(err error, refused Reason) error {
	switch {
	case err == nil:
		return nil
	case undecided(err):
		return &refusal{reason: ErrUnavailable, err: err}
	}
	return &refusal{reason: refused, err: err}
}

func undecided(err error) bool {
	return errors.Is(err, ErrUnavailable) || errors.Is(err, ErrKeysUnavailable) ||
		errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
}
