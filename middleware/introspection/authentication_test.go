package introspection_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/claims"
	"github.com/bearerguard/bearerguard/internal/strict"
	"github.com/bearerguard/bearerguard/jwks"
	"github.com/bearerguard/bearerguard/middleware/introspection"
)

// without removes the secret of goodConfig, for another way to authenticate.
func without(c *introspection.Config) { c.ClientSecret = nil }

// lastRequest introspects a token, and returns what the endpoint got.
func lastRequest(t *testing.T, edits ...func(*introspection.Config)) (http.Header, url.Values) {
	t.Helper()
	e := knowing(goodToken)
	_, err := introspect(t, newIntrospector(t, e, edits...), goodToken)
	require.NoError(t, err)
	require.Equal(t, 1, e.count())
	return e.heads[0], e.forms[0]
}

func TestRequest(t *testing.T) {
	head, form := lastRequest(t)
	assert.Equal(t, goodToken, form.Get("token"))
	assert.Equal(t, "access_token", form.Get("token_type_hint"))
	assert.Len(t, form, 2)
	assert.Equal(t, "application/json", head.Get("Accept"))
	assert.Equal(t, "application/x-www-form-urlencoded", head.Get("Content-Type"))
}

// The identifier and the secret are encoded like a form before base64 (RFC 6749 section 2.3.1).
func TestClientSecretBasic(t *testing.T) {
	head, form := lastRequest(t)
	r := &http.Request{Header: head}
	user, password, ok := r.BasicAuth()
	require.True(t, ok)
	assert.Equal(t, "my+api", user)
	assert.Equal(t, "a%3Asecret%2Bof%2Fthe+client", password)
	assert.NotContains(t, form, "client_id")
}

func TestClientSecretPost(t *testing.T) {
	head, form := lastRequest(t, func(c *introspection.Config) { c.SecretInBody = true })
	assert.Empty(t, head.Get("Authorization"))
	assert.Equal(t, clientID, form.Get("client_id"))
	assert.Equal(t, secret, form.Get("client_secret"))
}

func TestBearerToken(t *testing.T) {
	source := func(context.Context) (string, error) { return "own-token", nil }
	head, form := lastRequest(t, without, func(c *introspection.Config) { c.ClientID, c.BearerToken = "", source })
	assert.Equal(t, "Bearer own-token", head.Get("Authorization"))
	assert.Len(t, form, 2)
}

func TestBearerTokenThatIsNotThere(t *testing.T) {
	for rule, source := range map[string]func(context.Context) (string, error){
		"an error":     func(context.Context) (string, error) { return "", errors.New("no token") },
		"empty":        func(context.Context) (string, error) { return "", nil },
		"a line break": func(context.Context) (string, error) { return "a\r\nX: b", nil },
	} {
		t.Run(rule, func(t *testing.T) {
			e := knowing(goodToken)
			i := newIntrospector(t, e, without, func(c *introspection.Config) { c.BearerToken = source })
			_, err := introspect(t, i, goodToken)
			requireOutage(t, err)
			assert.Zero(t, e.count())
		})
	}
}

func TestNoAuthentication(t *testing.T) {
	head, form := lastRequest(t, without, func(c *introspection.Config) { c.InsecureNoAuthentication = true })
	assert.Empty(t, head.Get("Authorization"))
	assert.Len(t, form, 2)
}

var rsaKey = sync.OnceValue(func() *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return key
})

func ecKey(curve elliptic.Curve) *ecdsa.PrivateKey {
	key, err := ecdsa.GenerateKey(curve, rand.Reader)
	if err != nil {
		panic(err)
	}
	return key
}

func edKey() ed25519.PrivateKey {
	return ed25519.NewKeyFromSeed([]byte("a seed of thirty-two bytes, fine"))
}

// The assertion is verified by the library's own keys, as the issuer would do.
func TestPrivateKeyJWT(t *testing.T) {
	for _, tc := range []struct {
		rule, configured, alg string
		key                   crypto.Signer
	}{
		{"RSA", "", "RS256", rsaKey()},
		{"RSA, PSS", "PS256", "PS256", rsaKey()},
		{"EC", "", "ES256", ecKey(elliptic.P256())},
		{"Ed25519", "", "EdDSA", edKey()},
		{"Ed25519 by its own name", "Ed25519", "Ed25519", edKey()},
		{"a key that is not of this process", "", "ES256", remote{ecKey(elliptic.P256())}},
	} {
		t.Run(tc.rule, func(t *testing.T) {
			head, form := lastRequest(t, without, func(c *introspection.Config) {
				c.SigningKey, c.SigningAlgorithm, c.SigningKeyID = tc.key, tc.configured, "k1"
			})
			assert.Empty(t, head.Get("Authorization"))
			assert.Equal(t, clientID, form.Get("client_id"))
			assert.Equal(t, "urn:ietf:params:oauth:client-assertion-type:jwt-bearer", form.Get("client_assertion_type"))
			keys, err := jwks.StaticKeys(jwks.PublicKey{KeyID: "k1", Algorithm: tc.alg, Key: tc.key.Public()})
			require.NoError(t, err)
			issuer := claims.Issuer{URL: clientID, Audiences: []string{issuerURL}, Keys: keys, RequiredClaims: []string{"jti"}, MaxLifetime: time.Minute}
			v, err := claims.NewVerifier(claims.Config{Issuers: []claims.Issuer{issuer}})
			require.NoError(t, err)
			c, err := v.Verify(t.Context(), form.Get("client_assertion"))
			require.NoError(t, err)
			assert.Equal(t, clientID, c.Subject())
			assert.Equal(t, []string{issuerURL}, c.Audience())
		})
	}
}

// remote is a crypto.Signer that is no key.
type remote struct{ key *ecdsa.PrivateKey }

func (r remote) Public() crypto.PublicKey { return r.key.Public() }

func (r remote) Sign(_ io.Reader, digest []byte, o crypto.SignerOpts) ([]byte, error) {
	return r.key.Sign(rand.Reader, digest, o)
}

func TestAssertionsAreNewForEachRequest(t *testing.T) {
	e := knowing(goodToken)
	i := newIntrospector(t, e, without, func(c *introspection.Config) {
		c.SigningKey, c.AssertionAudience, c.TTL = edKey(), endpointURL, -1
	})
	seen := map[string]bool{}
	for range 3 {
		_, err := introspect(t, i, goodToken)
		require.NoError(t, err)
	}
	for _, form := range e.forms {
		parts, err := strict.Cut(form.Get("client_assertion"))
		require.NoError(t, err)
		payload, err := strict.Decode(parts.Payload)
		require.NoError(t, err)
		var c struct{ Aud, JTI string }
		require.NoError(t, json.Unmarshal([]byte(payload), &c))
		assert.Equal(t, endpointURL, c.Aud)
		seen[c.JTI] = true
	}
	assert.Len(t, seen, 3)
}

type failingSigner struct {
	crypto.Signer
	signature []byte
	err       error
}

func (f failingSigner) Sign(io.Reader, []byte, crypto.SignerOpts) ([]byte, error) {
	return f.signature, f.err
}

func TestSignerThatFails(t *testing.T) {
	for rule, key := range map[string]crypto.Signer{
		"an error":     failingSigner{ecKey(elliptic.P256()), nil, errors.New("the HSM is gone")},
		"no signature": failingSigner{ecKey(elliptic.P256()), []byte("x"), nil},
	} {
		t.Run(rule, func(t *testing.T) {
			e := knowing(goodToken)
			_, err := introspect(t, newIntrospector(t, e, without, func(c *introspection.Config) { c.SigningKey = key }), goodToken)
			requireOutage(t, err)
			assert.Zero(t, e.count())
		})
	}
}

// The client is authenticated by the certificate of its TLS connection (RFC 8705 section 2).
func TestMutualTLS(t *testing.T) {
	var shown, named string
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		shown, named = "", r.FormValue("client_id")
		if len(r.TLS.PeerCertificates) > 0 {
			shown = r.TLS.PeerCertificates[0].Subject.CommonName
		}
		_, _ = w.Write([]byte(activeAnswer(nil)))
	}))
	server.TLS = requestingCertificates()
	server.StartTLS()
	defer server.Close()
	certificate := selfSigned(t, "my-api")
	withCertificate := server.Client().Transport.(*http.Transport).Clone()
	withCertificate.TLSClientConfig.Certificates = certificates(certificate)
	defer withCertificate.CloseIdleConnections()
	for rule, edit := range map[string]func(*introspection.Config){
		"Certificate": func(c *introspection.Config) {
			c.Client, c.Certificate, c.RootCAs = nil, &certificate, server.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs
		},
		"MutualTLS": func(c *introspection.Config) {
			c.Client, c.MutualTLS = &http.Client{Transport: withCertificate}, true
		},
	} {
		t.Run(rule, func(t *testing.T) {
			i := newIntrospector(t, knowing(), without, edit, func(c *introspection.Config) {
				c.Endpoint, c.Timeout = server.URL, 10*time.Second // the most: a handshake on a busy machine can be slow
			})
			_, err := introspect(t, i, goodToken)
			require.NoError(t, err)
			assert.Equal(t, "my-api", shown)
			assert.Equal(t, clientID, named)
		})
	}
}

func TestRedirectIsNotFollowed(t *testing.T) {
	e := &endpoint{answer: func(*http.Request, url.Values) (int, string) { return 307, "" }}
	i := newIntrospector(t, e, func(c *introspection.Config) { c.Client = &http.Client{Transport: redirecting{e}} })
	_, err := introspect(t, i, goodToken)
	require.ErrorContains(t, err, "a redirect, which is not followed")
	assert.Equal(t, 1, e.count())
}

type redirecting struct{ *endpoint }

func (r redirecting) RoundTrip(req *http.Request) (*http.Response, error) {
	if !strings.HasPrefix(req.URL.String(), endpointURL) {
		return nil, errors.New("followed")
	}
	res, err := r.endpoint.RoundTrip(req)
	if err == nil {
		res.Header.Set("Location", endpointURL+"/elsewhere")
	}
	return res, err
}
