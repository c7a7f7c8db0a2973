package claims

import (
	"context"
	"errors"

	"github.com/bearerguard/bearerguard/internal/fixed"
)

// A refusal is a Reason with a detail for the log: a fixed text, or the error of a hook or a
// key set. The fixed text never holds bytes of the token.
//
// Package middleware finds Issuer and Detail by an interface, for its log and its Observe hook.
type refusal struct {
	reason Reason
	detail string
	err    error
	issuer string // the configured one; "" before it is known
}

// Issuer returns the configured issuer whose settings or keys refused the token, or "".
func (r *refusal) Issuer() string { return r.issuer }

// Detail returns the fixed text, or "". It is never the text of a hook or a key set.
func (r *refusal) Detail() fixed.Text { return fixed.Text(r.detail) }

func refuse(reason Reason, detail string) error { return &refusal{reason: reason, detail: detail} }

func (r *refusal) Error() string {
	switch {
	case r.err != nil:
		return r.reason.Error() + ": " + r.err.Error()
	case r.detail != "":
		return r.reason.Error() + ": " + r.detail
	}
	return r.reason.Error()
}

// Is reports whether target is the reason.
func (r *refusal) Is(target error) bool { return errors.Is(r.reason, target) }

// As sets a target of type *Reason.
func (r *refusal) As(target any) bool {
	reason, ok := target.(*Reason)
	if ok {
		*reason = r.reason
	}
	return ok
}

func (r *refusal) Unwrap() error {
	if r.err == nil {
		return nil
	}
	return masked{r.err}
}

// A masked error hides the Reasons that it wraps from errors.Is and errors.As. A hook's error
// may wrap several Reasons, or one that a hook cannot give. Only the refusal's Reason counts.
type masked struct{ error }

func (m masked) Is(target error) bool {
	_, isReason := target.(Reason)
	return !isReason && errors.Is(m.error, target)
}

func (m masked) As(target any) bool {
	_, isReason := target.(*Reason)
	return !isReason && errors.As(m.error, target)
}

// An attributed error is that of a key set, with the configured issuer that it belongs to.
type attributed struct {
	error
	issuer string
}

func (a *attributed) Issuer() string { return a.issuer }

func (a *attributed) Unwrap() error { return a.error }

// attribute returns err with the name of the issuer, and nil for nil.
func (i *Issuer) attribute(err error) error {
	switch e := err.(type) {
	case nil:
		return nil
	case *refusal:
		e.issuer = i.URL // a refusal is made for one token only
		return e
	}
	return &attributed{err, i.URL}
}

// classify returns the error of a hook or a proof as a refusal: ErrUnavailable if the check
// could not be made, and otherwise refused. It returns nil for nil.
func classify(err error, refused Reason) error {
	switch {
	case err == nil:
		return nil
	case isUnavailable(err):
		return &refusal{reason: ErrUnavailable, err: err}
	}
	return &refusal{reason: refused, err: err}
}

// isUnavailable reports whether err says that a check could not be made.
func isUnavailable(err error) bool {
	return errors.Is(err, ErrUnavailable) || errors.Is(err, ErrKeysUnavailable) ||
		errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
}
