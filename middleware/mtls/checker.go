package mtls

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"crypto/x509"
	"encoding/base64"
	"net/netip"
	"slices"
	"sync/atomic"

	"github.com/bearerguard/bearerguard/claims"
	"github.com/bearerguard/bearerguard/internal/fixed"
	"github.com/bearerguard/bearerguard/internal/strict"
)

// member is the confirmation method of RFC 8705 section 3.1.
const member = "x5t#S256"

// maxFieldBytes bounds the field before it is parsed. AWS passes on chains of this size.
const maxFieldBytes = 16 << 10

// A Checker finds the certificates of clients. Its methods are safe for concurrent use, and it
// has nothing to close.
type Checker struct {
	source     Source
	header     string // canonical
	proxies    []netip.Prefix
	identities []string
	required   bool
	spoofed    *atomic.Uint64
}

// Required reports whether tokens that are not bound to a certificate must be refused.
func (c *Checker) Required() bool { return c.required }

// A Status describes a [Checker] at one moment, for metrics.
type Status struct {
	_ [0]func() // written with field names

	// Spoofed counts the requests with the certificate's field from an address that is no trusted
	// proxy, as Config.Spoofed does.
	Spoofed uint64
}

// Status returns the present state.
func (c *Checker) Status() Status { return Status{Spoofed: c.spoofed.Load()} }

// A Request is where the certificate of a client is looked for.
type Request struct {
	_ [0]func() // written with field names

	// PeerCertificates are those of the connection, the client's first:
	// tls.ConnectionState.PeerCertificates.
	PeerCertificates []*x509.Certificate

	// RemoteAddr is the address and port of the immediate peer, as in http.Request.
	RemoteAddr string

	// Fields returns the values of the header fields of that name, in any case, one for each
	// field. It can be nil.
	Fields func(name string) []string
}

// Proof returns what a request shows of its client's certificate, for Verify of a
// claims.Verifier. It is nil if the request shows none. The field is not parsed yet.
//
// Two Proofs of a Checker are equal (==) if they show the same certificate, of the same peer, in
// the same way. Proof counts a field that is not from a trusted proxy.
func (c *Checker) Proof(request Request) claims.Proof {
	p := proof{checker: c, peer: request.RemoteAddr}
	if c.source == FromTLS {
		if len(request.PeerCertificates) == 0 || request.PeerCertificates[0] == nil {
			return nil
		}
		p.leaf = request.PeerCertificates[0]
		return p
	}
	var values []string
	if request.Fields != nil {
		values = request.Fields(c.header)
	}
	switch {
	case len(values) == 0:
		return nil
	case !c.trusts(request.RemoteAddr):
		c.spoofed.Add(1)
		p.problem = errUntrusted
	case len(values) > 1:
		p.problem = errSeveral // a proxy and this server could each choose another one
	case values[0] == "":
		return nil // how some proxies say that there is none
	case len(values[0]) > maxFieldBytes:
		p.problem = errLong
	default:
		p.value = values[0]
	}
	return p
}

// trusts reports whether a connection from this address is one of a trusted proxy.
func (c *Checker) trusts(remoteAddr string) bool {
	at, err := netip.ParseAddrPort(remoteAddr)
	if err != nil {
		return false
	}
	address := at.Addr().Unmap().WithZone("") // a prefix has no zone, and would not match
	return slices.ContainsFunc(c.proxies, func(p netip.Prefix) bool { return p.Contains(address) })
}

// A proof shows the certificate of a client.
type proof struct {
	checker *Checker
	peer    string
	leaf    *x509.Certificate // with FromTLS
	value   string            // of the field, with the other sources
	problem problem           // why it confirms nothing, or ""
}

// Member implements [claims.Proof].
func (p proof) Member() string { return member }

// Confirm implements [claims.Proof]. It returns nil if the token is bound to the certificate.
func (p proof) Confirm(_ context.Context, _ string, value []byte) error {
	thumbprint, problem := p.thumbprint()
	if problem != "" {
		return problem
	}
	bound, err := strict.Unquote(string(value))
	// As text, so that there is one spelling: Go's decoder would pass over line breaks.
	own := base64.RawURLEncoding.EncodeToString(thumbprint[:])
	if err != nil || subtle.ConstantTimeCompare([]byte(own), []byte(bound)) != 1 {
		return errOther
	}
	return nil
}

// thumbprint returns the SHA-256 of the certificate.
func (p proof) thumbprint() ([sha256.Size]byte, problem) {
	switch {
	case p.problem != "":
		return [sha256.Size]byte{}, p.problem
	case p.leaf != nil:
		return sha256.Sum256(p.leaf.Raw), ""
	}
	return p.checker.parse(p.value)
}

// A problem says why a certificate confirms nothing. It has no byte of the request.
type problem string

const (
	errUntrusted = problem("the certificate's field is not from a trusted proxy")
	errSeveral   = problem("the request has several fields for the certificate")
	errLong      = problem("the certificate's field is too long")
	errMalformed = problem("the certificate's field is malformed")
	errElements  = problem("not exactly one element of the certificate's field is of a client")
	errNoHash    = problem("the client's element of the certificate's field has no Hash")
	errOther     = problem("the token is bound to another certificate")
)

func (p problem) Error() string { return "mtls: " + string(p) }

// CertificateProblem returns the fixed text, for the log of package middleware.
func (p problem) CertificateProblem() fixed.Text { return fixed.Text(p) }
