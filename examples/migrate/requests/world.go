package requests

import (
	"crypto"
	"crypto/x509"
	"encoding/pem"
	"maps"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/jwks/jwkstest"
)

// Audience is the identifier of the API.
const Audience = jwkstest.Audience

// A World is an issuer that listens on loopback. Most of the libraries make their requests with
// their own client, so an issuer in memory would not do.
type World struct {
	*jwkstest.Issuer

	// PublicKey is the issuer's first public key, as PEM.
	PublicKey []byte
}

// rsaKey is the key of all issuers: it takes long to make, and no request changes it.
var rsaKey = sync.OnceValue(func() jwkstest.Key { return jwkstest.NewKey("RS256") })

// ecKey is a second key, which an issuer can publish as well.
var ecKey = sync.OnceValue(func() jwkstest.Key { return jwkstest.NewKey("ES256") })

func newWorld(t *testing.T) *World {
	t.Helper()
	server := httptest.NewUnstartedServer(nil)
	issuer := jwkstest.NewIssuer(jwkstest.Config{
		URL: "http://" + server.Listener.Addr().String() + "/", Key: rsaKey(),
	})
	server.Config.Handler = issuer
	server.Start()
	t.Cleanup(server.Close)
	return &World{issuer, publicKeyPEM(t)}
}

func publicKeyPEM(t *testing.T) []byte {
	t.Helper()
	private, ok := rsaKey().Private.(interface{ Public() crypto.PublicKey })
	require.True(t, ok)
	der, err := x509.MarshalPKIXPublicKey(private.Public())
	require.NoError(t, err)
	return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
}

// goDown makes the issuer reset every connection.
func (w *World) goDown() {
	for _, endpoint := range []jwkstest.Endpoint{jwkstest.Discovery, jwkstest.Metadata, jwkstest.JWKS} {
		w.Fail(endpoint, jwkstest.Reset())
	}
}

// token returns a token of alice with these claims.
func (w *World) token(changes map[string]any, options ...jwkstest.Option) string {
	claims := map[string]any{"sub": "alice"}
	maps.Copy(claims, changes)
	return w.Token(claims, options...)
}

// bearer returns the Authorization field for such a token.
func (w *World) bearer(changes map[string]any, options ...jwkstest.Option) string {
	return "Bearer " + w.token(changes, options...)
}

func get(path string, authorization ...string) *http.Request {
	r := httptest.NewRequest(http.MethodGet, path, nil)
	for _, value := range authorization {
		r.Header.Add("Authorization", value)
	}
	return r
}
