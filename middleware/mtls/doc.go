// Package mtls accepts tokens that are bound to the client's TLS certificate (RFC 8705 section 3).
// A thief of such a token has no use for it without the private key of the certificate.
//
// Where this server itself ends the TLS connections of its clients:
//
//	auth, err := middleware.New(middleware.Config{
//		Issuer:    "https://login.example.com/",
//		Audiences: []string{"https://api.example.com"},
//		MTLS:      &mtls.Config{Source: mtls.FromTLS},
//	})
//	…
//	server.TLSConfig = &tls.Config{ClientAuth: tls.RequireAnyClientCert}
//
// Where a proxy does, it says in a header field which certificate the client has shown:
//
//	MTLS: &mtls.Config{
//		Source:         mtls.FromEscapedPEM,
//		Header:         "X-Client-Cert",
//		TrustedProxies: []netip.Prefix{netip.MustParsePrefix("10.0.3.0/24")},
//	}
//
// # Proxies
//
// The proxy must remove the field from what the client sends, also when the client has shown no
// certificate. Otherwise a thief writes the field. These lines do so:
//
//	nginx    ssl_verify_client optional_no_ca;
//	         proxy_set_header X-Client-Cert $ssl_client_escaped_cert;         FromEscapedPEM
//	Envoy    forward_client_cert_details: SANITIZE_SET                        FromXFCC
//	AWS ALB  mutual authentication; the field is X-Amzn-Mtls-Clientcert-Leaf
//	         to verify, X-Amzn-Mtls-Clientcert to pass through                FromEscapedPEM
//	HAProxy  http-request set-header Client-Cert :%[ssl_c_der,base64]: if { ssl_c_used }
//	         http-request del-header Client-Cert unless { ssl_c_used }        FromClientCert
//	Caddy    header_up X-Client-Fingerprint {tls_client_fingerprint}          FromFingerprint
//
// nginx leaves a field away whose value is empty. Envoy's ALWAYS_FORWARD_ONLY and FORWARD_ONLY
// pass on what the client wrote, and so prove nothing. In Istio, a sidecar appends an element for
// the gateway: see [Config.TrustedIdentities].
//
// The field counts only if the address of the connection is that of a trusted proxy. Any other
// process on such an address can write the field as well. A unix socket has no address, so the
// proxy must connect over TCP. A handler that overwrites RemoteAddr of an [http.Request] with a
// header field, as some for X-Forwarded-For do, must not run before the Middleware: the sender
// would choose the address.
//
// # What it does not do
//
// No X.509 is parsed: the token is bound to the SHA-256 of the certificate's bytes. Whether an
// authority has issued the certificate, until when, and for whom, is decided by the TLS server, if
// at all. Self-signed certificates are enough for binding (RFC 8705 section 2.2).
package mtls
