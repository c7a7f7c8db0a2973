package introspection_test

import (
	"bytes"
	"context"
	"crypto"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"log/slog"
	"math/big"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/jwks"
	"github.com/bearerguard/bearerguard/middleware/introspection"
)

func TestMistakes(t *testing.T) {
	type config = introspection.Config
	for _, tc := range []struct {
		problem string
		edit    func(*config)
	}{
		{"", func(*config) {}},
		{"", func(c *config) { c.Endpoint = "http://127.0.0.1:4445/introspect" }},
		{"", func(c *config) {
			c.Endpoint, c.InsecureHTTPHosts = "http://hydra:4445/introspect?x=y", []string{"hydra"}
		}},
		{"Endpoint: it is required", func(c *config) { c.Endpoint = "" }},
		{"Endpoint: it is not an https URL", func(c *config) { c.Endpoint = "ftp://x" }},
		{"Endpoint: it is not an https URL", func(c *config) { c.Endpoint = "https:///x" }},
		{"Endpoint: a user name is not allowed", func(c *config) { c.Endpoint = "https://a:b@x" }},
		{"a fragment is not allowed", func(c *config) { c.Endpoint += "#x" }},
		{"name the host in InsecureHTTPHosts", func(c *config) { c.Endpoint = "http://hydra/?key=" + secret }},
		{"InsecureHTTPHosts: an entry is not a host name", func(c *config) { c.InsecureHTTPHosts = []string{"http://hydra"} }},
		{`Endpoint "http://REDACTED@localhost": https is required, because the client authenticates by its certificate`, func(c *config) {
			c.Endpoint, c.ClientSecret, c.Client, c.MutualTLS = "http://api:password@localhost", nil, &http.Client{Transport: &http.Transport{}}, true
		}},
		{"Prefix \"a b\": no token has such a character", func(c *config) { c.Prefix = "a b" }},
		{"MinBytes -1: it is negative", func(c *config) { c.MinBytes = -1 }},
		{"MaxBytes 16385: it is not between", func(c *config) { c.MaxBytes = 16<<10 + 1 }},
		{"MaxBytes 10: no token is so short", func(c *config) { c.MaxBytes = 10 }},
		{"MaxBytes 20: no token is so short", func(c *config) { c.MaxBytes, c.Prefix = 20, strings.Repeat("a", 21) }},
		{"OnlyJWT: it includes AlsoJWT", func(c *config) { c.OnlyJWT, c.AlsoJWT = true, true }},
		{"OnlyJWT: no opaque token is introspected", func(c *config) { c.OnlyJWT, c.Prefix = true, "a" }},
		{"there are 0", func(c *config) { c.ClientSecret = nil }},
		{"there are 2", func(c *config) { c.InsecureNoAuthentication = true }},
		{"there are 2", func(c *config) { c.SigningKey = edKey() }},
		{"ClientSecret: it is empty but not nil", func(c *config) { c.ClientSecret = []byte{} }},
		{"ClientSecret: it ends with a line break", func(c *config) { c.ClientSecret = []byte(secret + "\n") }},
		{"ClientSecret: it ends with a line break", func(c *config) { c.ClientSecret = []byte(secret + "\r") }},
		{"SecretInBody: it goes with ClientSecret", func(c *config) { c.ClientSecret, c.SecretInBody, c.InsecureNoAuthentication = nil, true, true }},
		{"ClientID: it is required", func(c *config) { c.ClientID = "" }},
		{"SigningKey: it is required by SigningKeyID", func(c *config) { c.SigningKeyID = "k" }},
		{"SigningKey: a ed25519.PublicKey cannot sign by \"RS256\"", func(c *config) { c.ClientSecret, c.SigningKey, c.SigningAlgorithm = nil, edKey(), "RS256" }},
		{"SigningKey: a *ecdsa.PublicKey cannot sign by", func(c *config) { c.ClientSecret, c.SigningKey = nil, ecKey(elliptic.P384()) }},
		{"SigningKey: the RSA key has less than 2048 bits", func(c *config) { c.ClientSecret, c.SigningKey = nil, weakKey{} }},
		{"Certificate: it has no certificate", func(c *config) { c.ClientSecret, c.Client, c.Certificate = nil, nil, &tls.Certificate{} }},
		{"Certificate: set it in the Transport of Client", func(c *config) { c.ClientSecret, c.Certificate = nil, &tls.Certificate{Certificate: [][]byte{{1}}} }},
		{"MutualTLS: it goes with a Client whose Transport", func(c *config) { c.ClientSecret, c.Client, c.MutualTLS = nil, nil, true }},
		{"RootCAs: set them in the Transport of Client", func(c *config) { c.RootCAs = x509.NewCertPool() }},
		{"ResponseAlgorithms: it is empty but not nil", func(c *config) { c.ResponseAlgorithms = []string{} }},
		{"ResponseAlgorithms: \"HS256\" is not supported", func(c *config) { c.ResponseAlgorithms = []string{"HS256"} }},
		{"ResponseAlgorithms: \"none\" is not supported", func(c *config) { c.ResponseAlgorithms = []string{"none"} }},
		{"ResponseKeys: they are required", func(c *config) { c.ResponseAlgorithms = []string{"RS256"} }},
		{"ResponseKeys: they are required", func(c *config) { c.ResponseAlgorithms, c.ResponseKeys = []string{"RS256"}, (*jwks.Cache)(nil) }},
		{"ResponseKeys: without ResponseAlgorithms", func(c *config) { c.ResponseKeys = new(jwks.Static) }},
		{"ClientID: it is required with ResponseAlgorithms", func(c *config) {
			c.ResponseAlgorithms, c.ResponseKeys, c.ClientID, c.ClientSecret = []string{"RS256"}, new(jwks.Static), "", nil
			c.InsecureNoAuthentication = true
		}},
		{"TTL 5m1s: it is more than 5m0s", func(c *config) { c.TTL = 301 * time.Second }},
		{"StaleIfError -1s: it is not between", func(c *config) { c.StaleIfError = -time.Second }},
		{"StaleIfError 5m1s: it is not between", func(c *config) { c.StaleIfError = 301 * time.Second }},
		{"Timeout 11s: it is not between", func(c *config) { c.Timeout = 11 * time.Second }},
		{"CacheEntries -1: it is not between", func(c *config) { c.CacheEntries = -1 }},
		{"MaxInFlight 1025: it is not between", func(c *config) { c.MaxInFlight = 1025 }},
		{"MaxInFlight 1: no request would be left", func(c *config) { c.MaxInFlight = 1 }},
		{"", func(c *config) { c.MaxInFlight = 2 }},
		{"MaxInFlight 2: no request would be left", func(c *config) { c.MaxInFlight, c.AlsoJWT = 2, true }},
		{"", func(c *config) { c.MaxInFlight, c.AlsoJWT = 3, true }},
		{"UnknownPerSecond -1: it is not between", func(c *config) { c.UnknownPerSecond = -1 }},
	} {
		t.Run(tc.problem, func(t *testing.T) {
			config := goodConfig(knowing())
			tc.edit(&config)
			i, err := introspection.New(config)
			if tc.problem == "" {
				require.NoError(t, err)
				return
			}
			assert.Nil(t, i)
			require.ErrorContains(t, err, tc.problem)
			assert.NotContains(t, err.Error(), secret)
		})
	}
}

// A weakKey is an RSA key of 1024 bits.
type weakKey struct{ crypto.Signer }

func (weakKey) Public() crypto.PublicKey {
	return &rsa.PublicKey{N: new(big.Int).Lsh(big.NewInt(1), 1023), E: 65537}
}

func TestAllMistakesAreReportedAtOnce(t *testing.T) {
	_, err := introspection.New(introspection.Config{TTL: time.Hour, Prefix: "\n"})
	for _, field := range []string{"Endpoint", "ClientSecret", "TTL", "Prefix"} {
		assert.ErrorContains(t, err, "introspection: invalid Config."+field)
	}
}

// A later change of the Config does not change the Introspector.
func TestConfigIsCopied(t *testing.T) {
	e := knowing(goodToken)
	config := goodConfig(e)
	i, err := introspection.New(config)
	require.NoError(t, err)
	copy(config.ClientSecret, "XXXXXXXX")
	config.Client.Transport = nil
	_, err = introspect(t, i, goodToken)
	require.NoError(t, err)
	assert.NotContains(t, e.heads[0].Get("Authorization"), "XXXX")
}

func TestNothingPrintsASecret(t *testing.T) {
	config := goodConfig(knowing(goodToken))
	config.BearerToken = func(context.Context) (string, error) { return secret, nil }
	i := newIntrospector(t, knowing(goodToken))
	_, err := introspect(t, i, goodToken)
	require.NoError(t, err)
	key := introspection.Config{SigningKey: edKey()}
	var out bytes.Buffer
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		for _, value := range []any{config, &config, config.ClientSecret, []any{config}, key, &key, i, struct{ C introspection.Config }{config}} {
			fmt.Fprintf(&out, verb+"\n", value)
		}
	}
	for _, handler := range []slog.Handler{slog.NewTextHandler(&out, nil), slog.NewJSONHandler(&out, nil)} {
		slog.New(handler).Info("x", "config", config, "secret", config.ClientSecret, "key", key, "introspector", i)
	}
	config.BearerToken, config.Client, config.Logger = nil, nil, nil
	text, err := json.Marshal(config.ClientSecret)
	require.NoError(t, err)
	out.Write(text)
	for _, hidden := range []string{secret, fmt.Sprintf("%x", secret), fmt.Sprint([]byte(secret)), goodToken, "alice", fmt.Sprintf("%x", edKey()), fmt.Sprint([]byte(edKey()))} {
		assert.NotContains(t, strings.ToLower(out.String()), strings.ToLower(hidden))
	}
	assert.Contains(t, out.String(), "introspection.Config(redacted)")
}
