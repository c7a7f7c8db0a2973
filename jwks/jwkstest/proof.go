package jwkstest

import (
	"crypto/rand"
	"crypto/sha256"
	"time"
)

// Proof returns a DPoP proof of possession of the key k (RFC 9449 section 4.2). It is for a request
// with this method, URL and access token. The request has it in its DPoP field:
//
//	key := jwkstest.NewKey("ES256")
//	token := issuer.Token(map[string]any{"cnf": map[string]any{"jkt": key.Thumbprint()}})
//	r.Header.Set("Authorization", "DPoP "+token)
//	r.Header.Set("DPoP", jwkstest.Proof(key, "GET", "https://api.example.test/orders", token, nil))
//
// It has the claims jti, htm, htu, iat and ath. As for [Issuer.Token], claims replace or add
// some, and the options change the header, which has typ, alg and jwk.
func Proof(k Key, method, url, token string, claims map[string]any, options ...Option) string {
	d := draft{header: make(map[string]any), key: k}
	for _, option := range options {
		option(&d)
	}
	hash := sha256.Sum256([]byte(token))
	header := map[string]any{"typ": "dpop+jwt", "alg": k.Algorithm, "jwk": k.material()}
	payload := map[string]any{
		"jti": rand.Text(),
		"htm": method,
		"htu": url,
		"iat": time.Now().Unix(),
		"ath": segment(hash[:]),
	}
	merge(header, d.header)
	merge(payload, claims)
	return RawToken(encode(header), encode(payload), d.key)
}

// Thumbprint returns the JWK thumbprint of the public key with SHA-256 (RFC 7638). It is the
// jkt of a token that is bound to the key (RFC 9449 section 6.1).
func (k Key) Thumbprint() string {
	hash := sha256.Sum256(encode(k.material())) // encode sorts the names
	return segment(hash[:])
}

// material returns the members of the JWK that are the key itself (RFC 7638 section 3.2, RFC 9964
// section 6).
func (k Key) material() map[string]any {
	jwk := k.JWK()
	delete(jwk, "use")
	delete(jwk, "kid")
	if jwk["kty"] != "AKP" {
		delete(jwk, "alg")
	}
	return jwk
}
