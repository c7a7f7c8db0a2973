package middleware

import (
	"crypto/x509"
	"net/http"

	"github.com/bearerguard/bearerguard/claims"
)

// A Request is what a [Guard] needs to know of a request, in any transport.
type Request struct {
	_ [0]func() // written with field names

	// Authorization are the values of the Authorization fields, one for each field.
	Authorization []string

	// Proofs show that the caller holds the key of a bound token (RFC 7800 section 3). A
	// bound token without its proof is refused.
	Proofs []claims.Proof

	// DPoP are the values of the DPoP fields, one for each field. Method is the method of the
	// request, and Target its target as it was received: for gRPC and Connect, "POST" and the
	// full name of the method. They are used with Config.DPoP only.
	DPoP           []string
	Method, Target string

	// PeerCertificates are the certificates that the peer of the connection has shown, its own
	// first (tls.ConnectionState.PeerCertificates). RemoteAddr is its address and port.
	// Fields returns the values of the header fields of a name, in any case, one for each field.
	// They are used with Config.MTLS only, and Fields with Config.TokenField, too. They can be nil.
	PeerCertificates []*x509.Certificate
	RemoteAddr       string
	Fields           func(name string) []string

	// Transport is the Transport of the Decision, such as "grpc". It is a name that is part of the
	// program, and never a text of the request.
	Transport string
}

// requestOf returns what a Guard needs to know of an HTTP request. The target is the one that was
// received: handlers such as http.StripPrefix change the URL.
func (m *Middleware) requestOf(r *http.Request) Request {
	target := r.RequestURI
	if target == "" { // it did not come from a server
		target = r.URL.RequestURI()
	}
	request := Request{
		Authorization: r.Header["Authorization"], Transport: transportHTTP,
		DPoP: r.Header["Dpop"], Method: r.Method, Target: target,
	}
	if m.mtls == nil && m.tokenField == "" {
		return request // saves the allocation of Fields
	}
	request.RemoteAddr, request.Fields = r.RemoteAddr, r.Header.Values
	if r.TLS != nil {
		request.PeerCertificates = r.TLS.PeerCertificates
	}
	return request
}
