package dpop_test

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/claims"
	"github.com/bearerguard/bearerguard/jwks/jwkstest"
	"github.com/bearerguard/bearerguard/middleware/dpop"
)

const (
	invalidProof = "invalid_dpop_proof"
	invalidToken = "invalid_token"
	useNonce     = "use_dpop_nonce"
)

// raw signs a proof with exactly these JSON texts. JWK in the header becomes that of the client.
func raw(header, payload string) string {
	jwk, _, _ := strings.Cut(proof(nil), ".")
	var good struct{ JWK json.RawMessage }
	document, _ := base64.RawURLEncoding.DecodeString(jwk)
	_ = json.Unmarshal(document, &good)
	header = strings.Replace(header, "JWK", string(good.JWK), 1)
	return jwkstest.RawToken([]byte(header), []byte(payload), clientKey)
}

// payloadOf returns the JSON text of the claims of a good proof.
func payloadOf(claims members) string {
	document, _ := base64.RawURLEncoding.DecodeString(strings.Split(proof(claims), ".")[1])
	return string(document)
}

const goodHeader = `{"typ":"dpop+jwt","alg":"ES256","jwk":JWK}`

// Each row breaks one rule in an otherwise good proof. The number is that of the rule: RFC 9449
// section 4.3 in the order of the project's checklist.
func TestEachRuleRefuses(t *testing.T) {
	good := proof(nil)
	without := func(name string) string { return proof(members{name: jwkstest.Absent}) }
	private := clientKey.JWK()
	private["d"] = nil
	secret := jwkstest.Key{Algorithm: "HS256", Private: []byte("a secret of the test, and no other")}
	rs384 := jwkstest.NewKey("RS384")
	unsigned := clientKey
	unsigned.Algorithm = "none"
	ed := jwkstest.NewKey("EdDSA")
	for _, tt := range []struct {
		rule   string
		fields []string
		detail string
	}{
		{"7.1 no field", nil, "the request has no DPoP field"},
		{"7.1 two fields", []string{good, good}, "the request has several DPoP fields"},
		{"7.1 the second field is empty", []string{good, ""}, "the request has several DPoP fields"},
		{"7.1 comma list", []string{good + "," + good}, "the DPoP field is a list"},
		{"7.1 comma list with an empty element", []string{good + ","}, "the DPoP field is a list"},
		{"7.1 longer than 4096 bytes", []string{proof(members{"x": strings.Repeat("x", 4096)})}, "the proof is too long"},
		{"7.1 empty", []string{""}, "not three segments"},
		{"7.1 two segments", []string{strings.TrimSuffix(good, good[strings.LastIndexByte(good, '.'):])}, "not three segments"},
		{"7.1 five segments", []string{good + ".a.b"}, "encrypted tokens (JWE) are not accepted"},
		{"7.1 an empty payload", []string{"a..b"}, "empty segment"},
		{"7.1 JSON serialization", []string{`{"payload":""}`}, "not three segments"},
		{"7.1 padded header", []string{strings.Replace(good, ".", "=.", 1)}, "header: not base64url"},
		{"7.1 space around it", []string{" " + good}, "header: not base64url"},
		{"7.1 line break", []string{strings.Replace(good, ".", ".\n", 1)}, "claims: not base64url"},
		{"7.1 padded signature", []string{good + "="}, "signature: not base64url"},
		{"7.1 header no object", []string{raw(`["JWK"]`, payloadOf(nil))}, "header: not a JSON object"},
		{"7.1 header with two objects", []string{raw(goodHeader+"{}", payloadOf(nil))}, "header: bytes after the JSON object"},
		{"7.1 payload no object", []string{raw(goodHeader, `null`)}, "claims: not a JSON object"},
		{"7.1 duplicate header member", []string{raw(`{"typ":"dpop+jwt","alg":"none","alg":"ES256","jwk":JWK}`, payloadOf(nil))}, "header: not strict JSON"},
		{"7.1 duplicate claim", []string{raw(goodHeader, `{"htm":"PUT",`+payloadOf(nil)[1:])}, "claims: not strict JSON"},
		{"7.1 duplicate member of the jwk", []string{raw(`{"typ":"dpop+jwt","alg":"ES256","jwk":{"kty":"EC","kty":"RSA"}}`, payloadOf(nil))}, "header: not strict JSON"},
		{"7.1 crit", []string{proof(nil, jwkstest.Header("crit", []string{"x"}), jwkstest.Header("x", 1))}, "header: crit: critical extensions are not supported"},
		{"7.1 b64", []string{proof(nil, jwkstest.Header("b64", false))}, "header: b64: not for JWTs"},

		{"7.2 no typ", []string{proof(nil, jwkstest.Header("typ", jwkstest.Absent))}, "header: typ is not dpop+jwt"},
		{"7.2 typ of another kind", []string{proof(nil, jwkstest.Header("typ", "JWT"))}, "header: typ is not dpop+jwt"},
		{"7.2 typ in another case", []string{proof(nil, jwkstest.Header("typ", "DPoP+JWT"))}, "header: typ is not dpop+jwt"},
		{"7.2 typ with application/", []string{proof(nil, jwkstest.Header("typ", "application/dpop+jwt"))}, "header: typ is not dpop+jwt"},
		{"7.2 typ a number", []string{proof(nil, jwkstest.Header("typ", 1))}, "header: typ: not a string"},
		{"7.2 Typ is another member", []string{proof(nil, jwkstest.Header("typ", jwkstest.Absent), jwkstest.Header("Typ", "dpop+jwt"))}, "header: typ is not dpop+jwt"},
		{"7.2 no alg", []string{proof(nil, jwkstest.Header("alg", jwkstest.Absent))}, "header: alg is not one of Config.Algorithms"},
		{"7.2 alg none", []string{proof(nil, jwkstest.Header("alg", "none"), jwkstest.SignedBy(unsigned))}, "header: alg is not one of Config.Algorithms"},
		{"7.2 alg in another case", []string{proof(nil, jwkstest.Header("alg", "es256"))}, "header: alg is not one of Config.Algorithms"},
		{"7.2 alg not a string", []string{proof(nil, jwkstest.Header("alg", []string{"ES256"}))}, "header: alg: not a string"},
		{"7.2 HMAC with a public secret", []string{jwkstest.Proof(secret, "GET", apiURL, token, nil)}, "header: alg is not one of Config.Algorithms"},
		{"7.2 an algorithm that is not configured", []string{jwkstest.Proof(rs384, "GET", apiURL, token, nil)}, "header: alg is not one of Config.Algorithms"},
		{"7.2 alg of another key", []string{proof(nil, jwkstest.Header("alg", "EdDSA"))}, "header: jwk: alg does not fit the key"},
		{"7.2 no jwk", []string{proof(nil, jwkstest.Header("jwk", jwkstest.Absent))}, "header: jwk is missing"},
		{"7.2 jwk null", []string{proof(nil, jwkstest.Header("jwk", nil))}, "header: jwk: not a JSON object"},
		{"7.2 jwk a string", []string{proof(nil, jwkstest.Header("jwk", `{"kty":"EC"}`))}, "header: jwk: not a JSON object"},
		{"7.2 private jwk, even if it is null", []string{proof(nil, jwkstest.Header("jwk", private))}, "header: jwk: a private key"},
		{"7.2 oct jwk under an allowed alg", []string{proof(nil, jwkstest.Header("jwk", secret.JWK()))}, "header: jwk: a symmetric key"},
		{"7.2 a set", []string{proof(nil, jwkstest.Header("jwk", members{"keys": []any{clientKey.JWK()}}))}, "header: jwk: kty is missing"},

		{"7.3 signed by another key", []string{proof(nil, jwkstest.SignedBy(jwkstest.NewKey("ES256")))}, "the signature is not that of the jwk"},
		{"7.3 no signature", []string{good[:strings.LastIndexByte(good, '.')+1]}, "the signature is not that of the jwk"},
		{"7.3 one bit changed", []string{jwkstest.TamperSignature(good)}, "the signature is not that of the jwk"},
		{"7.3 claims changed", []string{jwkstest.TamperClaims(good, members{"jti": "another"})}, "the signature is not that of the jwk"},
		{"7.3 signature of another length", []string{good + "AAAA"}, "the signature is not that of the jwk"},

		{"7.4 no jti", []string{without("jti")}, "claims: jti is missing"},
		{"7.4 no htm", []string{without("htm")}, "claims: htm is missing"},
		{"7.4 no htu", []string{without("htu")}, "claims: htu is missing"},
		{"7.4 no iat", []string{without("iat")}, "claims: iat is missing"},
		{"7.4 jti a number", []string{proof(members{"jti": 1})}, "claims: jti: not a string"},
		{"7.4 jti empty", []string{proof(members{"jti": ""})}, "claims: jti is empty or longer than 256 bytes"},
		{"7.4 jti of 257 bytes", []string{proof(members{"jti": strings.Repeat("j", 257)})}, "claims: jti is empty or longer than 256 bytes"},
		{"7.4 htm null", []string{proof(members{"htm": nil})}, "claims: htm: not a string"},
		{"7.4 htu an array", []string{proof(members{"htu": []string{apiURL}})}, "claims: htu: not a string"},
		{"7.4 iat a string", []string{proof(members{"iat": "1893456000"})}, "claims: iat: not a number"},
		{"7.4 iat null", []string{proof(members{"iat": nil})}, "claims: iat: not a number"},
		{"7.4 iat negative", []string{proof(members{"iat": -1})}, "claims: iat: out of range"},
		{"7.4 iat beyond all times", []string{raw(goodHeader, strings.Replace(payloadOf(members{"iat": 0}), `"iat":0`, `"iat":1e300`, 1))}, "claims: iat: out of range"},
		{"7.4 nonce a number", []string{proof(members{"nonce": 1})}, "claims: nonce: not a string"},
		{"7.4 nonce null", []string{proof(members{"nonce": nil})}, "claims: nonce: not a string"},
		{"7.4 JTI is another claim", []string{proof(members{"jti": jwkstest.Absent, "JTI": "a"})}, "claims: jti is missing"},

		{"7.5 another method", []string{proof(members{"htm": "POST"})}, "htm is not the method of the request"},
		{"7.5 the method in another case", []string{proof(members{"htm": "get"})}, "htm is not the method of the request"},
		{"7.5 empty", []string{proof(members{"htm": ""})}, "htm is not the method of the request"},

		{"7.6 another host", []string{proof(members{"htu": "https://evil.example.com/orders"})}, "htu is at none of Config.Origins"},
		{"7.6 another path", []string{proof(members{"htu": apiOrigin + "/order"})}, "htu has another path than the request"},
		{"7.6 a longer path", []string{proof(members{"htu": apiURL + "/1"})}, "htu has another path than the request"},
		{"7.6 empty", []string{proof(members{"htu": ""})}, "htu: the scheme is not https, or http"},

		{"7.8 10 minutes ago", []string{proof(members{"iat": time.Now().Add(-10 * time.Minute).Unix()})}, "iat is too long ago"},
		{"7.8 in 10 minutes", []string{proof(members{"iat": time.Now().Add(10 * time.Minute).Unix()})}, "iat is in the future"},

		{"7.10 no ath", []string{without("ath")}, "claims: ath is missing"},
		{"7.10 of another token", []string{jwkstest.Proof(clientKey, "GET", apiURL, token+"x", nil)}, "ath is not the hash of the token"},
		{"7.10 padded", []string{proof(members{"ath": athOf(token) + "="})}, "ath is not the hash of the token"},
		{"7.10 in hexadecimal digits", []string{proof(members{"ath": "5e2a"})}, "ath is not the hash of the token"},
		{"7.10 empty", []string{proof(members{"ath": ""})}, "ath is not the hash of the token"},
		{"7.10 ath a number", []string{proof(members{"ath": 1})}, "claims: ath: not a string"},

		// Another alg of the same jwk must not slip in with the signature of the first.
		{"7.2 Ed25519 key under ES256", []string{jwkstest.Proof(ed, "GET", apiURL, token, nil, jwkstest.Header("alg", "ES256"))}, "header: jwk: alg does not fit the key"},
	} {
		t.Run(tt.rule, func(t *testing.T) {
			// Also after the client's header is known.
			for _, c := range []*dpop.Checker{newChecker(t, dpop.Config{}), warmChecker(t)} {
				e := refusalOf(t, confirm(c, request(tt.fields...)))
				assert.Equal(t, tt.detail, e.Detail())
				assert.Equal(t, invalidProof, e.Code)
				assert.Equal(t, dpop.ErrProof, e.Reason)
				assert.ErrorIs(t, e, dpop.ErrProof)
				assert.EqualError(t, e, "dpop: "+tt.detail)
				assert.Empty(t, e.Nonce)
				require.NoError(t, confirm(c, request(proof(nil))), "a good proof after it")
			}
		})
	}
}

// warmChecker returns a Checker that has accepted a proof of the client before.
func warmChecker(t *testing.T) *dpop.Checker {
	t.Helper()
	c := newChecker(t, dpop.Config{})
	require.NoError(t, confirm(c, request(proof(nil))))
	return c
}

func TestWhatIsAccepted(t *testing.T) {
	jwk := clientKey.JWK() // with kid, alg and use, which do not change the thumbprint
	for rule, p := range map[string]string{
		"7.4 jti of 256 bytes":                      proof(members{"jti": strings.Repeat("j", 256)}),
		"7.4 a character of two bytes in the jti":   proof(members{"jti": "é"}),
		"7.8 a fraction":                            proof(members{"iat": float64(time.Now().UnixMilli()) / 1000}),
		"7.11 additional members of the jwk":        proof(nil, jwkstest.Header("jwk", jwk)),
		"unknown members of the header":             proof(nil, jwkstest.Header("x", 1), jwkstest.Header("kid", "k")),
		"other places of keys, which are ignored":   proof(nil, jwkstest.Header("jku", "https://evil.example"), jwkstest.Header("x5c", []string{"AA"})),
		"unknown claims":                            proof(members{"exp": 1, "nbf": "never", "x": nil}),
		"a nonce where none are issued":             proof(members{"nonce": "of the authorization server"}),
		"white space and escapes in the JSON texts": raw(` {"typ" : "dpop\u002bjwt","alg":"ES256","jwk":JWK} `, " "+payloadOf(nil)),
	} {
		assert.NoError(t, confirm(newChecker(t, dpop.Config{}), request(p)), rule)
	}
}

func TestEachAlgorithmIsAccepted(t *testing.T) {
	algorithms := newChecker(t, dpop.Config{}).Algorithms()
	assert.Equal(t, []string{"ES256", "ES384", "ES512", "EdDSA", "Ed25519", "PS256", "PS384", "PS512", "RS256"}, algorithms)
	c := newChecker(t, dpop.Config{Algorithms: append(algorithms, "RS384", "RS512")})
	for _, alg := range c.Algorithms() {
		key := jwkstest.NewKey(alg)
		for range 2 {
			p := jwkstest.Proof(key, http.MethodGet, apiURL, token, nil)
			assert.NoError(t, c.Proof(request(p)).Confirm(t.Context(), token, jktOf(key)), alg)
		}
	}
	algorithms[0] = "none"
	assert.Equal(t, "ES256", newChecker(t, dpop.Config{}).Algorithms()[0], "a copy")
}

// Rule 7.11: the token names the key.
func TestKeyMustBeThatOfTheToken(t *testing.T) {
	other := jwkstest.NewKey("ES256")
	for _, value := range []string{
		string(jktOf(other)), `""`, `null`, `1`, `[` + string(jktOf(clientKey)) + `]`, clientKey.Thumbprint(),
		string(jktOf(clientKey)[:20]) + `"`, `"` + clientKey.Thumbprint() + `="`, strings.ToUpper(string(jktOf(clientKey))),
	} {
		for _, c := range []*dpop.Checker{newChecker(t, dpop.Config{}), warmChecker(t)} {
			e := refusalOf(t, c.Proof(request(proof(nil))).Confirm(t.Context(), token, []byte(value)))
			assert.Equal(t, invalidToken, e.Code, value)
			assert.Equal(t, claims.ErrConfirmation, e.Reason, value)
			assert.Equal(t, "the proof's key is not the token's", e.Detail(), value)
		}
	}
	// A thief with a key of his own.
	stolen := jwkstest.Proof(other, http.MethodGet, apiURL, token, nil)
	assert.Equal(t, invalidToken, refusalOf(t, confirm(newChecker(t, dpop.Config{}), request(stolen))).Code)
	escaped := []byte(`"\u00` + hexOf(clientKey.Thumbprint()[0]) + clientKey.Thumbprint()[1:] + `"`)
	assert.NoError(t, warmChecker(t).Proof(request(proof(nil))).Confirm(t.Context(), token, escaped), "another spelling of the JSON text")
}

// Rule 7.9.
func TestReplayIsRefused(t *testing.T) {
	c := newChecker(t, dpop.Config{})
	p := proof(members{"jti": "1"})
	require.NoError(t, confirm(c, request(p)))
	for _, again := range []string{p, proof(members{"jti": "1"})} {
		e := refusalOf(t, confirm(c, request(again)))
		assert.Equal(t, invalidProof, e.Code)
		assert.ErrorIs(t, e, dpop.ErrReplay)
		assert.Equal(t, "the proof was used before", e.Detail())
	}
	require.NoError(t, confirm(c, request(proof(members{"jti": "2"}))))

	// Another client can have the same jti.
	other := jwkstest.NewKey("ES256")
	p = jwkstest.Proof(other, http.MethodGet, apiURL, token, members{"jti": "1"})
	require.NoError(t, c.Proof(request(p)).Confirm(t.Context(), token, jktOf(other)))
}
