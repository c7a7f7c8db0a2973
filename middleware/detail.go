package middleware

import (
	"errors"

	"github.com/bearerguard/bearerguard/internal/fixed"
	"github.com/bearerguard/bearerguard/middleware/dpop"
)

// A detail is an error whose text is part of this package, so that it can be logged.
type detail string

func (d detail) Error() string { return string(d) }

// A certificateProblem is an error of package mtls. No other module can make one.
type certificateProblem interface {
	error
	CertificateProblem() fixed.Text
}

// detailOf returns what the log can say about a refusal beside its Reason. It is a fixed text of
// this module, and never that of a hook, a policy of the application or a key source.
//
// It asks only the error itself, and for details of this package also what it wraps. A hook
// can wrap anything.
func (m *Middleware) detailOf(e *Error) string {
	if own, ok := errors.AsType[detail](e.Err); ok {
		return string(own)
	}
	if weak, ok := errors.AsType[*weakness](e.Err); ok {
		return weak.text
	}
	if proof, ok := errors.AsType[*dpop.Error](e.Err); ok {
		return proof.Detail()
	}
	if certificate, ok := errors.AsType[certificateProblem](e.Err); ok {
		return string(certificate.CertificateProblem())
	}
	if known, ok := e.Err.(interface{ Detail() fixed.Text }); ok && m.decodes {
		return string(known.Detail())
	}
	return ""
}
