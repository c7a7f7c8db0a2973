package middleware

import (
	"cmp"
	"errors"
	"net/http"
	"strings"

	"github.com/bearerguard/bearerguard/claims"
	"github.com/bearerguard/bearerguard/middleware/dpop"
)

// dpopScheme is the scheme of tokens that are bound to a key (RFC 9449 section 7.1).
const dpopScheme = "DPoP"

// The error codes of RFC 9449 section 12.2.
const (
	codeInvalidProof = "invalid_dpop_proof"
	codeUseNonce     = "use_dpop_nonce"
)

// A proofKey is what a DPoP proof was judged for. It is zero without a proof.
type proofKey struct{ field, method, target string }

func proofKeyOf(request Request) proofKey {
	if len(request.DPoP) != 1 {
		return proofKey{}
	}
	return proofKey{request.DPoP[0], request.Method, request.Target}
}

// fromProof returns the Error for a DPoP proof that did not confirm its token, or nil if err is
// another one.
func fromProof(err error) *Error {
	p, ok := errors.AsType[*dpop.Error](err)
	switch {
	case !ok:
		return nil
	case p.Code == "":
		e := unavailable(p.Reason, err)
		e.RetryAfter = cmp.Or(e.RetryAfter, p.RetryAfter)
		return e
	}
	return &Error{Status: http.StatusUnauthorized, Code: p.Code, Reason: p.Reason, DPoPNonce: p.Nonce, Err: err}
}

// underScheme notes the scheme whose challenge answers e, if the request came with scheme.
func (m *Middleware) underScheme(e *Error, scheme string) {
	if e != nil && m.answersDPoP(e, scheme) {
		e.Scheme = dpopScheme
	}
}

// forRequest returns e with the scheme whose challenge answers r. An error of the application
// has none, and it can answer other requests as well: it is copied.
func (m *Middleware) forRequest(r *http.Request, e *Error) *Error {
	_, scheme, _ := m.tokenIn(m.credentialsOf(r.Header))
	if e.Scheme == dpopScheme || !m.answersDPoP(e, scheme) {
		return e
	}
	copied := *e
	copied.Scheme = dpopScheme
	return &copied
}

// answersDPoP reports whether the challenge of DPoP answers e, for a request that came with scheme.
func (m *Middleware) answersDPoP(e *Error, scheme string) bool {
	if m.dpop == nil || e.lacksToken() {
		return false
	}
	return scheme == dpopScheme || e.Reason == claims.ErrConfirmation &&
		(errors.Is(e.Err, errNotBound) || errors.Is(e.Err, errNotBoundAtAll) || m.detailOf(e) == noProofOfJKT)
}

// noProofOfJKT is the detail of a claims.Verifier for a token that came without its proof. The token
// is bound to a DPoP key.
const noProofOfJKT = "no proof of jkt"

// challenges returns the challenges that answer e. A request without a token gets one for each
// scheme, the one that is most widely known first: some clients read one field only.
func (m *Middleware) challenges(e *Error, description string) []string {
	switch {
	case m.dpop == nil:
	case e.lacksToken() && m.demandsDPoP(), e.Scheme == dpopScheme:
		return []string{m.dpopChallenge(e, description)}
	case e.lacksToken():
		return []string{m.challenge(e, description), m.dpopChallenge(e, description)}
	}
	return []string{m.challenge(e, description)}
}

// dpopChallenge is challenge for the scheme DPoP, with the accepted algorithms (RFC 9449 section
// 7.1).
func (m *Middleware) dpopChallenge(e *Error, description string) string {
	bearer := m.challenge(e, description)
	algs := `, algs="` + strings.Join(m.dpop.Algorithms(), " ") + `"`
	return dpopScheme + strings.TrimSuffix(strings.TrimPrefix(bearer, bearerScheme), m.challengeEnd) + algs + m.challengeEnd
}

// renewNonce gives the client a newer nonce if its nonce will be refused soon. The request was let
// through. The answer must not be cached then (RFC 9449 section 8.2).
func (m *Middleware) renewNonce(w http.ResponseWriter, r *http.Request) {
	if m.dpop == nil {
		return
	}
	if v := verifiedIn(r.Context()); v != nil && v.by == m && v.nonce != "" {
		setFields(w.Header(), "Dpop-Nonce", v.nonce, "Cache-Control", "no-store")
	}
}

// nonceOf returns the nonce with which the client should replace its own, or "".
func nonceOf(proofs []claims.Proof) string {
	for _, p := range proofs {
		if c, ok := p.(*confirmation); ok {
			if proof, ok := c.proof.(*dpop.Proof); ok {
				return proof.Nonce()
			}
		}
	}
	return ""
}
