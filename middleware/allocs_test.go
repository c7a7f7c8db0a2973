package middleware_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"math/big"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/claims"
	"github.com/bearerguard/bearerguard/jwks"
	"github.com/bearerguard/bearerguard/jwks/jwkstest"
	"github.com/bearerguard/bearerguard/middleware"
)

// A sink is a response writer that keeps nothing.
type sink struct{ header http.Header }

func (s sink) Header() http.Header         { return s.header }
func (s sink) Write(p []byte) (int, error) { return len(p), nil }
func (s sink) WriteHeader(int)             {}

// done reads the claims, and allocates nothing.
var done = http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
	c, _ := claims.FromContext(r.Context())
	_ = c.Subject()
})

func TestAllocations(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	policies := []middleware.Policy{
		middleware.AllScopes("a", "b"), middleware.AnyScope("x", "a"),
		middleware.Any(middleware.AllScopes("x"), middleware.AllScopes("a")), allow(),
	}
	rules := middleware.ImpliedScopes(map[string][]string{"a": {"c"}, "c": {"x:*"}})
	auth := newAuth(t, accepting(t, `{"sub":"alice","scope":"a b","roles":["x","y"],"acr":"mfa","realm_access":{"roles":["p","q"]}}`))
	for _, tt := range []struct {
		rule  string
		h     http.Handler
		field string
		most  float64
	}{
		// The copy of the request and its context.
		{"let through", auth.Handler(done), "Bearer " + goodToken, 2},
		{"let through by policies", auth.Require(policies...)(done), "Bearer " + goodToken, 2},
		// The rules are resolved when the route is declared.
		{"let through by implied scopes", auth.Require(rules.AllScopes("x:y"), rules.AnyScope("z", "x:z"))(done), "Bearer " + goodToken, 2},
		{"let through by a claim", auth.Require(middleware.Claim("roles").Any("y"))(done), "Bearer " + goodToken, 2},
		{"let through by a nested claim", auth.Require(middleware.Claim("realm_access", "roles").All("p", "q"))(done), "Bearer " + goodToken, 2},
		{"let through by an authentication", auth.Require(middleware.RequireAuthentication(0, "mfa"))(done), "Bearer " + goodToken, 5},
		{"let through twice", auth.RequireScopes("a")(auth.Require(allow())(auth.Handler(done))), "Bearer " + goodToken, 2},
		// An inner layer that asks for scopes tells those within it, by another context.
		{"let through twice, by scopes", auth.Handler(auth.RequireScopes("a")(done)), "Bearer " + goodToken, 4},
		{"no token", auth.Handler(done), "", 4},
		{"malformed", auth.Handler(done), "Bearer", 5},
		{"invalid", auth.Handler(done), "Bearer x", 5},
		{"forbidden", auth.RequireScopes("c")(done), "Bearer " + goodToken, 6},
	} {
		t.Run(tt.rule, func(t *testing.T) {
			r, w := get(tt.field), sink{http.Header{}}
			allocations := testing.AllocsPerRun(100, func() { tt.h.ServeHTTP(w, r) })
			t.Logf("%v allocations", allocations)
			assert.LessOrEqual(t, allocations, tt.most)
		})
	}
	t.Run("reading the field", func(t *testing.T) {
		// Only the *Error is allocated.
		ctx := context.Background()
		guard := auth.GuardAuthenticated()
		for _, field := range []string{"", "Bearer", "Basic x", "Bearer x, y"} {
			request := middleware.Request{Authorization: []string{field}}
			allocations := testing.AllocsPerRun(100, func() { _, _ = guard.Authenticate(ctx, request) })
			assert.LessOrEqual(t, allocations, 1.0, field)
		}
	})
}

// The real verifier and its key cache, as in a program.
func TestAllocationsOfVerification(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	for _, algorithm := range []string{"RS256", "PS256", "ES256", "EdDSA"} {
		t.Run(algorithm, func(t *testing.T) {
			issuer := jwkstest.NewIssuer(jwkstest.Config{Key: jwkstest.NewKey(algorithm)})
			good := issuer.Token(nil)
			h := trusting(t, issuer).RequireScopes("read:example")(done)
			assert.LessOrEqual(t, allocationsOf(h, good), 2.0, "seen before: the copy of the request and its context")

			keys, err := jwks.NewStatic(issuer.Document())
			require.NoError(t, err)
			verifier, err := claims.NewVerifier(claims.Config{CacheEntries: 1, Issuers: []claims.Issuer{
				{URL: issuer.URL(), Audiences: []string{jwkstest.Audience}, Keys: keys},
			}})
			require.NoError(t, err)
			h = newAuth(t, verifier).RequireScopes("read:example")(done)
			tokens := []string{good, issuer.Token(map[string]any{"sub": "another one"})} // each evicts the other
			limit := testing.AllocsPerRun(100, signatureCheck(t, issuer.SigningKey(), good))
			assert.LessOrEqual(t, allocationsOf(h, tokens...), limit+14, "first sight, above the signature check's %v", limit)
		})
	}
	issuer := jwkstest.NewIssuer(jwkstest.Config{Key: jwkstest.NewKey("EdDSA")})
	good := issuer.Token(nil)
	h := trusting(t, issuer).RequireScopes("read:example")(done)
	for rule, token := range map[string]string{
		"malformed": good[:strings.LastIndexByte(good, '.')],
		"wrong alg": issuer.Token(nil, jwkstest.SignedBy(jwkstest.Key{Algorithm: "HS256", Private: []byte("secret")})),
		"wrong iss": issuer.Token(map[string]any{"iss": "https://other.example.test/"}),
		"expired":   issuer.Token(map[string]any{"exp": 1}),
		"wrong aud": issuer.Token(map[string]any{"aud": "https://other.example.test"}),
		"wrong typ": issuer.Token(nil, jwkstest.Header("typ", "logout+jwt")),
		"64 KiB":    strings.Repeat("a", 64<<10),
	} {
		t.Run(rule, func(t *testing.T) {
			h.ServeHTTP(sink{http.Header{}}, bearer(good)) // fetches the keys
			assert.LessOrEqual(t, allocationsOf(h, token), 13.0)
		})
	}
	// Ed25519 itself allocates nothing.
	assert.LessOrEqual(t, allocationsOf(h, jwkstest.TamperSignature(good)), 16.0, "bad signature")
}

// allocationsOf returns how often a request allocates, with the tokens in turn.
func allocationsOf(h http.Handler, tokens ...string) float64 {
	var requests []*http.Request
	for _, token := range tokens {
		requests = append(requests, bearer(token))
	}
	w, n := sink{http.Header{}}, 0
	return testing.AllocsPerRun(200, func() {
		h.ServeHTTP(w, requests[n%len(requests)])
		n++
	})
}

// signatureCheck returns the check of the token's signature by the standard library.
func signatureCheck(t testing.TB, key jwkstest.Key, token string) func() {
	t.Helper()
	dot := strings.LastIndexByte(token, '.')
	input := []byte(token[:dot])
	signature, err := base64.RawURLEncoding.DecodeString(token[dot+1:])
	require.NoError(t, err)
	check := func() bool {
		return ed25519.Verify(key.Private.(ed25519.PrivateKey).Public().(ed25519.PublicKey), input, signature)
	}
	switch private := key.Private.(type) {
	case *rsa.PrivateKey:
		check = func() bool {
			sum := sha256.Sum256(input)
			if key.Algorithm == "PS256" {
				return rsa.VerifyPSS(&private.PublicKey, crypto.SHA256, sum[:], signature, nil) == nil
			}
			return rsa.VerifyPKCS1v15(&private.PublicKey, crypto.SHA256, sum[:], signature) == nil
		}
	case *ecdsa.PrivateKey:
		r, s := new(big.Int).SetBytes(signature[:32]), new(big.Int).SetBytes(signature[32:])
		check = func() bool {
			sum := sha256.Sum256(input)
			return ecdsa.Verify(&private.PublicKey, sum[:], r, s)
		}
	}
	require.True(t, check())
	return func() { check() }
}

func BenchmarkHandler(b *testing.B) {
	auth := newAuth(b, accepting(b, `{"sub":"alice","scope":"a b"}`))
	for _, bb := range []struct {
		name  string
		h     http.Handler
		field string
	}{
		{"unprotected", done, ""},
		{"let through", auth.RequireScopes("a")(done), "Bearer " + goodToken},
		{"no token", auth.RequireScopes("a")(done), ""},
		{"invalid", auth.RequireScopes("a")(done), "Bearer x"},
		{"forbidden", auth.RequireScopes("c")(done), "Bearer " + goodToken},
	} {
		b.Run(bb.name, func(b *testing.B) {
			r, w := get(bb.field), sink{http.Header{}}
			b.ReportAllocs()
			for b.Loop() {
				bb.h.ServeHTTP(w, r)
			}
		})
	}
}
