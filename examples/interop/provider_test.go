//go:build unix

package interop_test

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/go-jose/go-jose/v3"
	"github.com/stretchr/testify/require"
)

// The client that each provider knows, and its scopes.
const (
	clientID     = "uploader"
	clientSecret = "the-secret-of-the-uploader-is-no-secret-here"
	read         = "read:timesheets"
	write        = "write:timesheets"
)

// everyAlgorithm has the algorithms that the API accepts.
var everyAlgorithm = []string{
	"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "Ed25519",
}

// A provider is a kind of identity provider with its peculiarities.
type provider struct {
	name       string
	run        func(t *testing.T) server
	metadata   func(issuer string) string // returns the address of its metadata
	keys       string                     // the path of its key set
	parameter  string                     // the parameter of the token request that names the API
	subject    string                     // the sub of tokens for client credentials
	strict     bool                       // its tokens follow RFC 9068 by default
	algorithms []string
}

var providers = []provider{
	{
		name: "oidc-provider", run: nodeServer("oidc-provider.mjs"), metadata: openIDConfiguration,
		keys: "/oidc/jwks", parameter: "resource", subject: clientID, strict: true, algorithms: everyAlgorithm,
	},
	{
		name: "oauth2-mock-server", run: nodeServer("oauth2-mock-server.mjs"), metadata: openIDConfiguration,
		keys: "/jwks", parameter: "aud", subject: "", strict: false, algorithms: everyAlgorithm,
	},
	{
		name: "fosite", run: fositeServer, metadata: authorizationServerMetadata,
		keys: "/tenant/keys", parameter: "audience", subject: clientID, strict: false,
		algorithms: slices.DeleteFunc(slices.Clone(everyAlgorithm), func(alg string) bool { return alg == "Ed25519" }),
	},
}

// each runs a test with every provider.
func each(t *testing.T, test func(*testing.T, provider)) {
	t.Parallel()
	for _, p := range providers {
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			test(t, p)
		})
	}
}

// A server is an authorization server on loopback. It is stopped at the end of the test.
type server interface {
	// apply starts the server, or changes its settings while it runs. It returns the
	// issuer identifier.
	apply(*testing.T, settings) string

	// kill ends the server and its connections at once.
	kill()

	// hang makes the server accept connections without answering, until resume.
	hang()
	resume()

	// accessLog has one line for each request that was answered before the last apply:
	// method, path, status.
	accessLog() string
}

// settings are the settings of a server.
type settings struct {
	Port     int               `json:"port"` // 0: any
	Keys     []jose.JSONWebKey `json:"keys"` // the first one signs
	Alg      string            `json:"alg,omitempty"`
	Client   string            `json:"client"`
	Secret   string            `json:"secret"`
	Lifetime int               `json:"lifetime"` // of tokens, in seconds
	RFC9068  bool              `json:"rfc9068"`  // customize tokens so that they follow RFC 9068

	// Only for fosite.
	TLS     bool `json:"-"`
	NewJTIs bool `json:"-"` // leave jti to fosite, which makes a new one for each answer about a token

	// Only for oidc-provider, except for API.
	Format       string     `json:"format,omitempty"`
	Certificate  string     `json:"certificate,omitempty"`  // of the client, PEM
	RequireNonce bool       `json:"requireNonce,omitempty"` // in each DPoP proof for a token
	API          *apiClient `json:"api,omitempty"`
	Application  string     `json:"application,omitempty"` // the client identifier of a web application
	LogoutURI    string     `json:"logoutURI,omitempty"`   // its back-channel logout URI
}

// An apiClient is an API that introspects tokens.
type apiClient struct {
	ID     string           `json:"id"`
	Secret string           `json:"secret,omitempty"`
	Key    *jose.JSONWebKey `json:"key,omitempty"` // public, in place of Secret
}

// An issuer is an authorization server that can stop and start again with the same
// identifier.
type issuer struct {
	provider
	settings
	server server
	url    string
	client *http.Client // for the requests of the tests themselves
}

// start runs a provider with one key and these changes of its settings.
func (p provider) start(t *testing.T, changes ...func(*settings)) *issuer {
	t.Helper()
	i := &issuer{provider: p, settings: settings{
		Keys: []jose.JSONWebKey{newKey(t, "ES256")}, Client: clientID, Secret: clientSecret, Lifetime: 3600,
	}, client: &http.Client{Timeout: patience}}
	for _, change := range changes {
		change(&i.settings)
	}
	i.up(t)
	return i
}

// up starts the server. If it has run before, it gets the same port.
func (i *issuer) up(t *testing.T) {
	t.Helper()
	i.server = i.run(t)
	i.apply(t)
	u, err := url.Parse(i.url)
	require.NoError(t, err)
	i.Port, err = strconv.Atoi(u.Port())
	require.NoError(t, err)
}

func (i *issuer) down() { i.server.kill() }

// fetches returns how many requests for the keys had this status since the server started.
func (i *issuer) fetches(t *testing.T, status int) int {
	t.Helper()
	i.apply(t)
	return strings.Count(i.server.accessLog(), fmt.Sprintf("GET %s %d\n", i.keys, status))
}

// redeploy stops the server and starts it with this key only.
func (i *issuer) redeploy(t *testing.T, key jose.JSONWebKey) {
	t.Helper()
	i.down()
	i.Keys = []jose.JSONWebKey{key}
	i.up(t)
}

func (i *issuer) apply(t *testing.T) {
	t.Helper()
	i.url = i.server.apply(t, i.settings)
}

// sign publishes another key, which signs all later tokens.
func (i *issuer) sign(t *testing.T, key jose.JSONWebKey) {
	t.Helper()
	others := slices.DeleteFunc(i.Keys, func(k jose.JSONWebKey) bool { return k.KeyID == key.KeyID })
	i.Keys = append([]jose.JSONWebKey{key}, others...)
	i.apply(t)
}

// tokenEndpoint returns the token endpoint that the provider's metadata name.
func (i *issuer) tokenEndpoint(t *testing.T) string {
	t.Helper()
	var document struct {
		Issuer        string `json:"issuer"`
		TokenEndpoint string `json:"token_endpoint"`
	}
	w, err := i.client.Get(i.metadata(i.url))
	require.NoError(t, err)
	defer w.Body.Close()
	require.Equal(t, http.StatusOK, w.StatusCode)
	readJSON(t, w.Body, &document)
	require.Equal(t, i.url, document.Issuer)
	return document.TokenEndpoint
}

// rsaKey makes the material of all RSA keys, because it takes long to generate.
var rsaKey = sync.OnceValues(func() (*rsa.PrivateKey, error) {
	return rsa.GenerateKey(rand.Reader, 2048)
})

// newKey returns a private key for this algorithm.
func newKey(t *testing.T, algorithm string) jose.JSONWebKey {
	t.Helper()
	var key any
	var err error
	switch algorithm {
	case "ES256":
		key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case "ES384":
		key, err = ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	case "ES512":
		key, err = ecdsa.GenerateKey(elliptic.P521(), rand.Reader)
	case "EdDSA", "Ed25519":
		_, key, err = ed25519.GenerateKey(rand.Reader)
	default:
		key, err = rsaKey()
	}
	require.NoError(t, err)
	return jose.JSONWebKey{Key: key, KeyID: rand.Text(), Algorithm: algorithm, Use: "sig"}
}

// keyFor returns the key of this algorithm.
func (i *issuer) keyFor(t *testing.T, algorithm string) jose.JSONWebKey {
	t.Helper()
	n := slices.IndexFunc(i.Keys, func(k jose.JSONWebKey) bool { return k.Algorithm == algorithm })
	require.GreaterOrEqual(t, n, 0, algorithm)
	return i.Keys[n]
}
