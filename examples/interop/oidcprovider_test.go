//go:build unix

package interop_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"math/big"
	"net/http"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v3"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// oidcProvider starts oidc-provider, which supports features that the others do not have.
func oidcProvider(t *testing.T, changes ...func(*settings)) *issuer {
	t.Helper()
	t.Parallel()
	return providers[0].start(t, changes...)
}

// A key set may leave out the algorithm of a key. The key then verifies every algorithm
// that fits its type, and both names of EdDSA (RFC 8037, RFC 9864).
func TestKeyWithoutAlgorithm(t *testing.T) {
	i := oidcProvider(t, func(s *settings) {
		s.Keys, s.Alg = []jose.JSONWebKey{newKey(t, "RS256"), newKey(t, "EdDSA")}, "RS256"
		for n := range s.Keys {
			s.Keys[n].Algorithm = ""
		}
	})
	api, rsa, edwards := startAPI(t, i.url), i.Keys[0], i.Keys[1]
	for _, test := range []struct {
		algorithm string
		key       jose.JSONWebKey
	}{
		{"RS256", rsa},
		{"RS512", rsa},
		{"PS256", rsa},
		{"PS384", rsa},
		{"EdDSA", edwards},
		{"Ed25519", edwards},
	} {
		t.Run(test.algorithm, func(t *testing.T) {
			i.Alg = test.algorithm
			i.sign(t, test.key)
			token := i.signedBy(t, test.key.KeyID)
			require.Equal(t, test.algorithm, header(t, token)["alg"])
			assert.Equal(t, http.StatusOK, api.get(t, token).status)
		})
	}
}

// A provider can issue tokens in these formats, but published keys cannot verify them.
func TestOtherFormats(t *testing.T) {
	i := oidcProvider(t)
	api := startAPI(t, i.url)
	for _, test := range []struct{ name, format, challenge string }{
		{"signed and encrypted", "encrypted", malformed},
		{"authenticated by a shared secret", "hmac", badAlgorithm},
	} {
		t.Run(test.name, func(t *testing.T) {
			i.Format = test.format
			i.apply(t)
			got := api.get(t, i.token(t, read))
			assert.Equal(t, http.StatusUnauthorized, got.status)
			assert.Contains(t, got.challenge, test.challenge)
		})
	}
}

// A token that is bound to a client certificate is refused without it (RFC 8705).
func TestCertificateBoundToken(t *testing.T) {
	i := oidcProvider(t, func(s *settings) {
		s.Format, s.Certificate = "certificate-bound", certificate(t)
	})
	token := i.token(t, read)
	require.Contains(t, confirmation(t, token), "x5t#S256")
	assertBound(t, startAPI(t, i.url).get(t, token))
}

// A token that is bound to a client's key is refused as a bearer token (RFC 9449).
func TestDPoPBoundToken(t *testing.T) {
	i := oidcProvider(t)
	g := i.grant(t, read, audience)
	g.client = &http.Client{Timeout: patience, Transport: withProof(dpopProof(t, g.config.TokenURL))}
	token, err := g.token()
	require.NoError(t, err)
	require.Equal(t, "DPoP", token.TokenType)
	require.Contains(t, confirmation(t, token.AccessToken), "jkt")
	assertBound(t, startAPI(t, i.url).get(t, token.AccessToken))
}

func assertBound(t *testing.T, got answer) {
	t.Helper()
	assert.Equal(t, http.StatusUnauthorized, got.status)
	assert.Contains(t, got.challenge, boundToKey)
}

func confirmation(t *testing.T, token string) map[string]any {
	t.Helper()
	var c struct {
		Confirmation map[string]any `json:"cnf"`
	}
	require.NoError(t, payload(t, token).Decode(&c))
	return c.Confirmation
}

// certificate returns a self-signed client certificate as PEM.
func certificate(t *testing.T) string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	require.NoError(t, err)
	return string(encodePEM(der))
}

func encodePEM(certificate []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate})
}

// dpopProof returns a proof of possession of a new key, for a POST request to this address
// (RFC 9449 section 4.2).
func dpopProof(t *testing.T, address string) string {
	t.Helper()
	key := jose.SigningKey{Algorithm: jose.ES256, Key: newKey(t, "ES256").Key}
	signer, err := jose.NewSigner(key, (&jose.SignerOptions{EmbedJWK: true}).WithType("dpop+jwt"))
	require.NoError(t, err)
	content, err := json.Marshal(map[string]any{
		"htm": http.MethodPost, "htu": address, "iat": time.Now().Unix(), "jti": rand.Text(),
	})
	require.NoError(t, err)
	signed, err := signer.Sign(content)
	require.NoError(t, err)
	proof, err := signed.CompactSerialize()
	require.NoError(t, err)
	return proof
}

// withProof is a transport that sends this DPoP proof with each request.
type withProof string

func (proof withProof) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("DPoP", string(proof))
	return http.DefaultTransport.RoundTrip(r)
}
