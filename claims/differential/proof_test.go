package differential_test

import (
	"context"
	"crypto"
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/jwks/jwkstest"
	"github.com/bearerguard/bearerguard/middleware/dpop"
)

// A forgetful store has seen no proof before, so that each input is judged by itself.
type forgetful struct{}

func (forgetful) Use(context.Context, [32]byte, [32]byte, time.Time) (bool, error) { return true, nil }

const proofToken = "an.access.token"

// proofKeys are keys of clients.
var proofKeys = []jwkstest.Key{
	jwkstest.NewKey("ES256"), jwkstest.NewKey("ES384"), jwkstest.NewKey("ES512"),
	jwkstest.NewKey("EdDSA"), jwkstest.NewKey("PS256"), jwkstest.NewKey("RS256"),
}

func proofChecker(t testing.TB) *dpop.Checker {
	t.Helper()
	c, err := dpop.New(dpop.Config{
		Origins: []string{"https://api.example"}, Replays: forgetful{}, Now: func() time.Time { return now },
	})
	require.NoError(t, err)
	return c
}

// compareProof reports whether we accept a proof of possession. If we do, go-jose must parse it,
// find the same public key in it, and verify its signature with that key.
func compareProof(t *testing.T, c *dpop.Checker, key jwkstest.Key, proof string) bool {
	t.Helper()
	ours := c.Proof(dpop.Request{Method: "GET", Target: "/orders", Fields: []string{proof}})
	if ours.Confirm(t.Context(), proofToken, []byte(`"`+key.Thumbprint()+`"`)) != nil {
		return false
	}
	parsed, err := jose.ParseSignedCompact(proof, []jose.SignatureAlgorithm{
		jose.ES256, jose.ES384, jose.ES512, jose.EdDSA, "Ed25519", jose.PS256, jose.PS384, jose.PS512, jose.RS256,
	})
	require.NoError(t, err, proof)
	require.Len(t, parsed.Signatures, 1)
	header := parsed.Signatures[0].Protected
	assert.Equal(t, "dpop+jwt", header.ExtraHeaders[jose.HeaderType])
	require.NotNil(t, header.JSONWebKey)
	assert.True(t, header.JSONWebKey.IsPublic())
	thumbprint, err := header.JSONWebKey.Thumbprint(crypto.SHA256)
	require.NoError(t, err)
	assert.Equal(t, key.Thumbprint(), base64.RawURLEncoding.EncodeToString(thumbprint))
	if header.Algorithm == "Ed25519" {
		return true // a name that go-jose does not verify (RFC 9864)
	}
	_, err = parsed.Verify(header.JSONWebKey)
	require.NoError(t, err, proof)
	return true
}

func goodProof(key jwkstest.Key) string {
	return jwkstest.Proof(key, "GET", "https://api.example/orders", proofToken, map[string]any{"iat": now.Unix()})
}

// documents returns the header and the payload of a proof.
func documents(t testing.TB, proof string) (header, payload string) {
	t.Helper()
	parts := strings.Split(proof, ".")
	h, err := base64.RawURLEncoding.DecodeString(parts[0])
	require.NoError(t, err)
	p, err := base64.RawURLEncoding.DecodeString(parts[1])
	require.NoError(t, err)
	require.True(t, json.Valid(h) && json.Valid(p))
	return string(h), string(p)
}

func TestGoodProofs(t *testing.T) {
	c := proofChecker(t)
	for _, key := range proofKeys {
		assert.True(t, compareProof(t, c, key, goodProof(key)), key.Algorithm)
	}
}

// FuzzProofs compares us with go-jose on any two documents, signed as header and payload.
func FuzzProofs(f *testing.F) {
	c := proofChecker(f)
	for n, key := range proofKeys {
		header, payload := documents(f, goodProof(key))
		f.Add(n, header, payload)
		f.Add(n, strings.Replace(header, `{`, `{"crit":["x"],`, 1), payload)
		f.Add(n, strings.Replace(header, `"jwk":{`, `"jwk":{"d":"AA",`, 1), payload)
		f.Add(n, strings.Replace(header, `{`, `{"alg":"none",`, 1), payload)
		f.Add(n, header, strings.Replace(payload, `{`, `{"nonce":"x",`, 1))
	}
	f.Fuzz(func(t *testing.T, n int, header, payload string) {
		key := proofKeys[uint(n)%uint(len(proofKeys))]
		compareProof(t, c, key, jwkstest.RawToken([]byte(header), []byte(payload), key))
	})
}

// FuzzProofTexts compares us with go-jose on any text.
func FuzzProofTexts(f *testing.F) {
	c := proofChecker(f)
	for n, key := range proofKeys {
		f.Add(n, goodProof(key))
	}
	f.Fuzz(func(t *testing.T, n int, proof string) {
		compareProof(t, c, proofKeys[uint(n)%uint(len(proofKeys))], proof)
	})
}
