package middleware

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/bearerguard/bearerguard/claims"
	"github.com/bearerguard/bearerguard/middleware/dpop"
	"github.com/bearerguard/bearerguard/middleware/mtls"
)

// The members of cnf that this package proves (RFC 9449 section 6.1, RFC 8705 section 3.1).
const (
	memberDPoP        = "jkt"
	memberCertificate = "x5t#S256"
)

// checkers returns what checks the proofs of requests, and what is wrong with its Config.
func (c *Config) checkers() (*dpop.Checker, *mtls.Checker, []error) {
	var keys *dpop.Checker
	var certificates *mtls.Checker
	var problems []error
	var err error
	if c.DPoP != nil {
		if keys, err = dpop.New(*c.DPoP); err != nil {
			problems = append(problems, fmt.Errorf("middleware: invalid Config.DPoP: %w", err))
		}
	}
	if c.MTLS != nil {
		if certificates, err = mtls.New(*c.MTLS); err != nil {
			problems = append(problems, fmt.Errorf("middleware: invalid Config.MTLS: %w", err))
		}
	}
	if c.RequireBinding && c.DPoP == nil && c.MTLS == nil {
		problems = append(problems, errors.New("middleware: invalid Config.RequireBinding: set DPoP or MTLS, or no token is accepted"))
	}
	return keys, certificates, problems
}

// certificateOf returns the proof by the client's certificate, or nil if the request shows none.
func (m *Middleware) certificateOf(request Request) claims.Proof {
	if m.mtls == nil {
		return nil
	}
	return m.mtls.Proof(mtls.Request{
		PeerCertificates: request.PeerCertificates, RemoteAddr: request.RemoteAddr, Fields: request.Fields,
	})
}

// proofsOf returns confirmations for the proofs of a request, or nil if there are none.
// certificate is its certificateOf.
func (m *Middleware) proofsOf(request Request, certificate claims.Proof) []claims.Proof {
	proofs := slices.Clip(request.Proofs)
	if m.dpop != nil {
		if _, scheme, _ := m.tokenIn(request.Authorization); scheme == dpopScheme {
			proofs = append(proofs, m.dpop.Proof(dpop.Request{Method: request.Method, Target: request.Target, Fields: request.DPoP}))
		}
	}
	if certificate != nil {
		proofs = append(proofs, certificate)
	}
	return confirmationsOf(proofs)
}

// isSame reports whether v was let through with the same token, proof and certificate. The proof
// must be for the same method and target, and the certificate of the same peer. What did not confirm
// the token need not be the same.
func (m *Middleware) isSame(v *verified, request Request) bool {
	return len(request.Authorization) == 1 && v.authorization == request.Authorization[0] &&
		(v.proof == proofKey{} || v.proof == proofKeyOf(request)) &&
		(v.certificate == nil || v.certificate == m.certificateOf(request))
}

const (
	errUnbound        = detail("the token came with the scheme DPoP and is not bound to a DPoP key")
	errNotBound       = detail("tokens must be bound to a DPoP key")
	errNotBoundAtAll  = detail("tokens must be bound to a DPoP key or a certificate")
	errNotCertificate = detail("tokens must be bound to a certificate of their client")
)

// checkBinding returns the Error for a valid token whose binding does not fit its scheme (RFC 9449
// section 7.2). It also does for one that lacks a binding which the Config requires. Verify has
// already refused a bound token without its proof.
func (m *Middleware) checkBinding(scheme string, proofs []claims.Proof) *Error {
	switch {
	case m.dpop == nil || haveConfirmed(proofs, memberDPoP):
	case scheme == dpopScheme:
		return invalidToken(claims.ErrConfirmation, errUnbound)
	case m.dpop.Required():
		return invalidToken(claims.ErrConfirmation, errNotBound)
	}
	certified := haveConfirmed(proofs, memberCertificate)
	switch {
	case m.mtls != nil && m.mtls.Required() && !certified:
		return invalidToken(claims.ErrConfirmation, errNotCertificate)
	case m.requiresBinding && !certified && !haveConfirmed(proofs, memberDPoP):
		return invalidToken(claims.ErrConfirmation, errNotBoundAtAll)
	}
	return nil
}

// demandsDPoP reports whether no token without a DPoP key is accepted.
func (m *Middleware) demandsDPoP() bool {
	return m.dpop != nil && (m.dpop.Required() || m.requiresBinding && m.mtls == nil)
}

// RequireBinding allows tokens that are bound to a key of their client (RFC 7800). With
// Config.DPoP that is a DPoP key, and with Config.MTLS that of a certificate. A thief cannot use
// such a token. The answer is a 401 invalid_token. It is for single routes, such as payments;
// Config.RequireBinding demands it of all.
func RequireBinding() Policy {
	return Policy{allows: func(_ context.Context, c *claims.Claims) error {
		for _, member := range []string{memberDPoP, memberCertificate} {
			if _, bound := c.Confirmation(member); bound {
				return nil // the Verifier has demanded its proof
			}
		}
		return errNotBoundAtAll
	}}
}

// haveConfirmed reports whether one of the proofs has confirmed that member of the token's cnf.
func haveConfirmed(proofs []claims.Proof, member string) bool {
	return slices.ContainsFunc(proofs, func(p claims.Proof) bool {
		c, ok := p.(*confirmation)
		return ok && c.Member() == member && c.found.Load() != nil
	})
}
