package connectauth

import (
	"context"
	"crypto/x509"
	"net/http"
)

type certificatesKey struct{}

// PeerCertificates returns a handler that tells the procedures behind next which certificate the
// TLS connection has shown. Connect does not. Put it around the mux if Config.MTLS has the source
// mtls.FromTLS; without it, tokens that are bound to a certificate are refused.
func PeerCertificates(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// Without TLS as well: the request must not have the certificates of another one.
		var certificates []*x509.Certificate
		if r.TLS != nil {
			certificates = r.TLS.PeerCertificates
		}
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), certificatesKey{}, certificates)))
	})
}

// certificatesIn returns what PeerCertificates has found, or nil.
func certificatesIn(ctx context.Context) []*x509.Certificate {
	certificates, _ := ctx.Value(certificatesKey{}).([]*x509.Certificate)
	return certificates
}
