package dpop_test

import (
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/claims"
	"github.com/bearerguard/bearerguard/jwks/jwkstest"
	"github.com/bearerguard/bearerguard/middleware/dpop"
)

// FuzzConfirm sends any text as the proof of any request. A refusal must have a Code, a Reason
// and a text without a part of the proof, and an accepted proof must have one spelling only.
func FuzzConfirm(f *testing.F) {
	at := &clock{time.Unix(1562262618, 0)}
	c := newChecker(f, dpop.Config{
		Origins: []string{"https://resource.example.org", "https://example.org/v1"}, Now: at.Now, Replays: forgetful{},
		Nonces: &dpop.Nonces{Secrets: [][]byte{randomSecret()}},
	})
	for _, field := range []string{
		rfcResourceProof, rfcTokenProof, "", "..", "a.b.c", rfcResourceProof + ",", rfcResourceProof + "=", strings.Repeat("A", 4097),
		proof(nil), proof(members{"nonce": "x"}), raw(`{"typ":"dpop+jwt","alg":"ES256","jwk":{"kty":"RSA"}}`, `{}`),
	} {
		f.Add(field, "GET", "/protectedresource")
		f.Add(field, "POST", "https://x/a/../%7e?q#f")
	}
	f.Fuzz(func(t *testing.T, field, method, target string) {
		r := dpop.Request{Method: method, Target: target, Fields: []string{field}}
		err := c.Proof(r).Confirm(t.Context(), rfcToken, []byte(rfcJKT))
		if err != nil {
			requireRefusal(t, refusalOf(t, err))
			return
		}
		require.LessOrEqual(t, len(field), 4096)
		requireOneSpelling(t, field)
	})
}

// codes are what a proof can be refused with.
var codes = map[claims.Reason]string{
	dpop.ErrProof: invalidProof, dpop.ErrReplay: invalidProof, dpop.ErrNonce: useNonce, claims.ErrConfirmation: invalidToken,
}

func requireRefusal(t *testing.T, e *dpop.Error) {
	t.Helper()
	require.Equal(t, codes[e.Reason], e.Code)
	require.NotEmpty(t, e.Code)
	require.Equal(t, e.Reason == dpop.ErrNonce, e.Nonce != "")
	for _, r := range e.Detail() {
		require.True(t, ' ' <= r && r <= '~', e.Detail())
	}
	require.LessOrEqual(t, len(e.Detail()), 100)
}

func requireOneSpelling(t *testing.T, field string) {
	t.Helper()
	segments := strings.Split(field, ".")
	require.Len(t, segments, 3)
	for _, segment := range segments {
		decoded, err := base64.RawURLEncoding.DecodeString(segment)
		require.NoError(t, err)
		require.Equal(t, segment, base64.RawURLEncoding.EncodeToString(decoded))
	}
}

// FuzzSigned signs any header and payload. encoding/json must read an accepted proof as this
// package did.
func FuzzSigned(f *testing.F) {
	jwk, err := json.Marshal(clientKey.JWK())
	require.NoError(f, err)
	good := `{"typ":"dpop+jwt","alg":"ES256","jwk":` + string(jwk) + `}`
	for _, header := range []string{
		good, `{}`, `[]`, good[:len(good)-1] + `,"crit":["b64"],"b64":false}`, good[:len(good)-1] + `,"typ":"JWT"}`,
		strings.Replace(good, `"kty"`, `"d":null,"kty"`, 1), strings.Replace(good, "ES256", "none", 1),
	} {
		f.Add([]byte(header), []byte(payloadOf(nil)))
	}
	for _, payload := range []string{`{}`, `null`, `{"jti":"","htm":"GET"}`, payloadOf(members{"nonce": 1}), payloadOf(members{"iat": 1e300})} {
		f.Add([]byte(good), []byte(payload))
	}
	c := newChecker(f, dpop.Config{Replays: forgetful{}})
	f.Fuzz(func(t *testing.T, header, payload []byte) {
		field := jwkstest.RawToken(header, payload, clientKey)
		if err := confirm(c, request(field)); err != nil {
			requireRefusal(t, refusalOf(t, err))
			return
		}
		require.True(t, utf8.Valid(header) && utf8.Valid(payload))
		var h, p map[string]any
		require.NoError(t, json.Unmarshal(header, &h))
		require.NoError(t, json.Unmarshal(payload, &p))
		require.Equal(t, "dpop+jwt", h["typ"])
		require.Equal(t, "ES256", h["alg"])
		require.NotContains(t, h, "crit")
		require.NotContains(t, h["jwk"], "d")
		require.Equal(t, "GET", p["htm"])
		require.Equal(t, athOf(token), p["ath"])
		require.NotEmpty(t, p["jti"])
		require.IsType(t, float64(0), p["iat"])
	})
}
