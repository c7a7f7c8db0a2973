package jwkstest_test

import (
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lestrrat-go/jwx/v2/jwa"
	"github.com/lestrrat-go/jwx/v2/jwk"
	"github.com/lestrrat-go/jwx/v2/jws"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/jwks/jwkstest"
)

// parts returns the decoded header, payload and signature.
func parts(t *testing.T, token string) (header, payload map[string]any, signature []byte) {
	t.Helper()
	segments := strings.Split(token, ".")
	require.Len(t, segments, 3)
	var decoded [3][]byte
	for n, s := range segments {
		var err error
		decoded[n], err = base64.RawURLEncoding.DecodeString(s)
		require.NoError(t, err)
	}
	return decode(t, string(decoded[0])), decode(t, string(decoded[1])), decoded[2]
}

// An independent implementation reads the JWK and checks the signature.
func TestTokensVerifyUnderThePublishedKey(t *testing.T) {
	for _, algorithm := range []string{
		"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "Ed25519",
	} {
		t.Run(algorithm, func(t *testing.T) {
			issuer := jwkstest.NewIssuer(jwkstest.Config{Key: jwkstest.NewKey(algorithm)})
			set, err := jwk.Parse(issuer.Document())
			require.NoError(t, err)
			published, ok := set.LookupKeyID(issuer.SigningKey().ID)
			require.True(t, ok)
			assert.Equal(t, algorithm, published.Algorithm().String())
			assert.Equal(t, "sig", published.KeyUsage())
			private, err := jwk.IsPrivateKey(published)
			require.NoError(t, err)
			assert.False(t, private)

			token := issuer.Token(nil)
			assert.NoError(t, verify(token, algorithm, published))
			assert.Error(t, verify(jwkstest.TamperSignature(token), algorithm, published))
			assert.Error(t, verify(jwkstest.TamperClaims(token, map[string]any{"sub": "root"}), algorithm, published))
			assert.Error(t, verify(issuer.Token(nil, jwkstest.SignedBy(jwkstest.NewKey(algorithm))), algorithm, published))
		})
	}
}

func verify(token, algorithm string, key jwk.Key) error {
	if algorithm == "Ed25519" { // jwx v2 does not know RFC 9864's name
		algorithm = "EdDSA"
	}
	verifier, err := jws.NewVerifier(jwa.SignatureAlgorithm(algorithm))
	if err != nil {
		return err
	}
	dot := strings.LastIndex(token, ".")
	signature, err := base64.RawURLEncoding.DecodeString(token[dot+1:])
	if err != nil {
		return err
	}
	return verifier.Verify([]byte(token[:dot]), signature, key)
}

func TestPSSSaltIsAsLongAsTheHash(t *testing.T) {
	key := jwkstest.NewKey("PS256")
	input := []byte("input")
	sum := sha256.Sum256(input)
	public := &key.Private.(*rsa.PrivateKey).PublicKey
	exact := &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash}
	assert.NoError(t, rsa.VerifyPSS(public, 5, sum[:], key.Sign(input), exact))
}

func TestECDSASignaturesHaveFixedWidth(t *testing.T) {
	for algorithm, curve := range map[string]elliptic.Curve{
		"ES256": elliptic.P256(), "ES384": elliptic.P384(), "ES512": elliptic.P521(),
	} {
		key := jwkstest.NewKey(algorithm)
		width := 2 * ((curve.Params().BitSize + 7) / 8)
		for range 64 { // one half in 256 starts with a zero byte, ES512 almost always
			assert.Len(t, key.Sign([]byte("input")), width, algorithm)
		}
	}
}

func TestDefaultTokenIsAnRFC9068Token(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		issuer := jwkstest.NewIssuer(jwkstest.Config{})
		header, payload, _ := parts(t, issuer.Token(nil))
		assert.Equal(t, map[string]any{"typ": "at+jwt", "alg": "ES256", "kid": issuer.SigningKey().ID}, header)
		now := float64(time.Now().Unix())
		assert.NotEmpty(t, payload["jti"])
		delete(payload, "jti")
		assert.Equal(t, map[string]any{
			"iss": issuer.URL(), "sub": "client@clients", "aud": jwkstest.Audience, "client_id": "client",
			"iat": now, "exp": now + 3600, "scope": "read:example",
		}, payload)

		time.Sleep(2 * time.Hour)
		_, later, _ := parts(t, issuer.Token(nil))
		assert.InDelta(t, now+3*3600, later["exp"], 0, "follows the bubble's clock")
	})
}

func TestTokenOptions(t *testing.T) {
	issuer := jwkstest.NewIssuer(jwkstest.Config{})
	other := jwkstest.NewKey("ES384")
	for _, test := range []struct {
		name    string
		claims  map[string]any
		options []jwkstest.Option
		member  string
		want    any // Absent: the member must not exist
		header  bool
	}{
		{"claim overridden", map[string]any{"aud": []string{"a", "b"}}, nil, "aud", []any{"a", "b"}, false},
		{"claim added", map[string]any{"org_id": "o"}, nil, "org_id", "o", false},
		{"claim removed", map[string]any{"exp": jwkstest.Absent}, nil, "exp", jwkstest.Absent, false},
		{"claim is null", map[string]any{"exp": nil}, nil, "exp", nil, false},
		{"typ overridden", nil, []jwkstest.Option{jwkstest.Header("typ", "JWT")}, "typ", "JWT", true},
		{"typ removed", nil, []jwkstest.Option{jwkstest.Header("typ", jwkstest.Absent)}, "typ", jwkstest.Absent, true},
		{"kid overridden", nil, []jwkstest.Option{jwkstest.Header("kid", 7)}, "kid", 7.0, true},
		{"header added", nil, []jwkstest.Option{jwkstest.Header("crit", []string{"x"})}, "crit", []any{"x"}, true},
		{"key of the caller names its kid", nil, []jwkstest.Option{jwkstest.SignedBy(other)}, "kid", other.ID, true},
		{"key of the caller names its alg", nil, []jwkstest.Option{jwkstest.SignedBy(other)}, "alg", "ES384", true},
		{
			"header before the key", nil,
			[]jwkstest.Option{jwkstest.Header("alg", "none"), jwkstest.SignedBy(other)},
			"alg", "none", true,
		},
		{
			"key without ID", nil,
			[]jwkstest.Option{jwkstest.SignedBy(jwkstest.Key{Algorithm: "ES384", Private: other.Private})},
			"kid", jwkstest.Absent, true,
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			header, payload, _ := parts(t, issuer.Token(test.claims, test.options...))
			members := payload
			if test.header {
				members = header
			}
			value, found := members[test.member]
			require.Equal(t, test.want != jwkstest.Absent, found)
			if found {
				assert.Equal(t, test.want, value)
			}
		})
	}
}

func TestTokenDoesNotChangeTheCallersClaims(t *testing.T) {
	issuer := jwkstest.NewIssuer(jwkstest.Config{})
	claims := map[string]any{"exp": jwkstest.Absent}
	issuer.Token(claims)
	assert.Equal(t, map[string]any{"exp": jwkstest.Absent}, claims)
}

func TestHostileSignatures(t *testing.T) {
	secret := []byte("a secret that no one shares")
	input := func(token string) []byte { return []byte(token[:strings.LastIndex(token, ".")]) }

	token := jwkstest.RawToken([]byte(`{"alg":"none"}`), []byte(`{}`), jwkstest.Key{Algorithm: "none"})
	assert.Equal(t, "eyJhbGciOiJub25lIn0.e30.", token, "none has an empty signature")

	token = jwkstest.RawToken([]byte("\xff"), nil, jwkstest.Key{Algorithm: "HS256", Private: secret})
	mac := hmac.New(sha256.New, secret)
	mac.Write(input(token))
	assert.Equal(t, "_w..", token[:4], "the bytes are not changed")
	assert.Equal(t, base64.RawURLEncoding.EncodeToString(mac.Sum(nil)), token[4:])

	custom := func(signingInput []byte) []byte { return append([]byte("over "), signingInput...) }
	token = jwkstest.RawToken([]byte(`{}`), []byte(`{}`), jwkstest.Key{Algorithm: "ES256", Private: custom})
	assert.Equal(t, "e30.e30."+base64.RawURLEncoding.EncodeToString([]byte("over e30.e30")), token)

	weak, err := rsa.GenerateKey(rand.Reader, 1024)
	require.NoError(t, err)
	assert.Len(t, jwkstest.Key{Algorithm: "RS256", Private: weak}.Sign([]byte("x")), 128, "weak keys sign too")
}

func TestJWKOfASecret(t *testing.T) {
	jwk := jwkstest.Key{ID: "s", Algorithm: "HS256", Private: []byte("abc")}.JWK()
	assert.Equal(t, map[string]any{"kty": "oct", "k": "YWJj", "use": "sig", "alg": "HS256", "kid": "s"}, jwk)
}

func TestKeyMistakesPanic(t *testing.T) {
	for name, mistake := range map[string]func(){
		"unknown algorithm":        func() { jwkstest.NewKey("ES256K") },
		"unknown set of ML-DSA":    func() { jwkstest.NewKey("ML-DSA-66") },
		"nothing to sign with":     func() { jwkstest.Key{Algorithm: "ES256"}.Sign(nil) },
		"algorithm without a hash": func() { jwkstest.Key{Algorithm: "HS1", Private: []byte("x")}.Sign(nil) },
		"JWK of a function": func() {
			jwkstest.Key{Algorithm: "ES256", Private: func([]byte) []byte { return nil }}.JWK()
		},
		"tampering with no token":     func() { jwkstest.TamperSignature("x") },
		"tampering with no base64":    func() { jwkstest.TamperSignature("a.b.!") },
		"tampering with no signature": func() { jwkstest.TamperSignature("e30.e30.") },
		"tampering with no claims":    func() { jwkstest.TamperClaims("e30.W10.", nil) },
	} {
		t.Run(name, func(t *testing.T) { assert.Panics(t, mistake) })
	}
}

func TestTamperClaims(t *testing.T) {
	issuer := jwkstest.NewIssuer(jwkstest.Config{})
	token := issuer.Token(map[string]any{"big": uint64(1<<63 + 1), "org": "a"})
	header, _, signature := parts(t, token)
	tampered := jwkstest.TamperClaims(token, map[string]any{"scope": "admin", "org": jwkstest.Absent})
	gotHeader, payload, gotSignature := parts(t, tampered)
	assert.Equal(t, header, gotHeader)
	assert.Equal(t, signature, gotSignature)
	assert.Equal(t, "admin", payload["scope"])
	assert.NotContains(t, payload, "org")
	raw, _ := base64.RawURLEncoding.DecodeString(strings.Split(tampered, ".")[1])
	assert.Contains(t, string(raw), `"big":9223372036854775809`, "other claims keep their digits")
}

func TestTamperSignatureChangesOneBit(t *testing.T) {
	token := jwkstest.NewIssuer(jwkstest.Config{}).Token(nil)
	_, _, good := parts(t, token)
	_, _, bad := parts(t, jwkstest.TamperSignature(token))
	require.Len(t, bad, len(good))
	bits := 0
	for n := range good {
		for difference := good[n] ^ bad[n]; difference != 0; difference &= difference - 1 {
			bits++
		}
	}
	assert.Equal(t, 1, bits)
}
