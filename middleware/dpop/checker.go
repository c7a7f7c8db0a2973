package dpop

import (
	"slices"
	"time"
)

// A Checker checks the DPoP proofs of one API. Its methods are safe for concurrent use, and it
// has nothing to close.
type Checker struct {
	origins          []origin
	algorithms       []string
	maxBytes         int // of a proof
	maxAge, maxAhead time.Duration
	replays          ReplayStore
	nonces           *nonceSource // nil if no nonces are issued
	required         bool
	now              func() time.Time
	headers          headerMemo
}

// Algorithms returns the accepted algorithms, as a copy. They are for the algs of a challenge (RFC
// 9449 section 7.1) and for metadata (RFC 9728 section 2).
func (c *Checker) Algorithms() []string { return slices.Clone(c.algorithms) }

// Required reports whether tokens that are not bound to a key must be refused.
func (c *Checker) Required() bool { return c.required }

// A Request is what a proof is compared with.
type Request struct {
	_ [0]func() // written with field names

	// Method is the method of the request, for gRPC "POST".
	Method string

	// Target is the target of the request line as it was received (RFC 9112 section 3.2). It is
	// http.Request.RequestURI, and not URL.Path, which handlers such as http.StripPrefix rewrite.
	// For gRPC and Connect it is the full method, such as "/pkg.Service/Method".
	Target string

	// Fields are the values of the DPoP fields, one for each field.
	Fields []string
}

// Proof returns the proof that came with a request, for Verify of a claims.Verifier. It reads
// nothing yet.
func (c *Checker) Proof(request Request) *Proof {
	return &Proof{checker: c, request: request}
}
