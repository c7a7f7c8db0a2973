package claims_test

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/claims"
	"github.com/bearerguard/bearerguard/claims/explain"
)

// An endpoint is the Opaque of an issuer. It answers for every token, and counts the questions.
type endpoint struct {
	prefix            string
	shortest, longest int
	jwts              bool
	payload           string
	remembered        bool
	err               error
	asked, accepted   atomic.Int32
}

func (e *endpoint) Introspect(context.Context, string, string) (string, bool, error) {
	e.asked.Add(1)
	return e.payload, e.remembered, e.err
}

func (e *endpoint) Accepted(string, string) { e.accepted.Add(1) }

func (e *endpoint) Tokens() (prefix string, shortest, longest int, jwts bool) {
	return e.prefix, e.shortest, e.longest, e.jwts
}

const opaqueToken = "at_an-opaque-token"

// answering returns an endpoint for tokens like opaqueToken, with the claims of a good token.
func answering(changes members) *endpoint {
	return &endpoint{prefix: "at_", shortest: 10, longest: 40, payload: payload(changes)}
}

func opaqueIssuer(e *endpoint) claims.Issuer {
	return claims.Issuer{URL: issuerURL, Audiences: []string{audience}, Opaque: e}
}

func TestOpaqueToken(t *testing.T) {
	e := answering(members{"active": "true", "username": `"al"`})
	c, err := newVerifier(t, opaqueIssuer(e)).Verify(t.Context(), opaqueToken)
	require.NoError(t, err)
	assert.Equal(t, "alice", c.Subject())
	assert.Equal(t, issuerURL, c.Issuer())
	assert.True(t, c.HasScope("write:x"))
	assert.False(t, c.Remembered())
	assert.Equal(t, []string{"al"}, c.Strings("username"))

	e.remembered = true
	c, err = newVerifier(t, opaqueIssuer(e)).Verify(t.Context(), opaqueToken)
	require.NoError(t, err)
	assert.True(t, c.Remembered())
}

// A token for another API is active, too. It must not count as one in use.
func TestOnlyAcceptedTokensAreReported(t *testing.T) {
	refuseAll := func(context.Context, *claims.Claims) error { return claims.ErrRejected }
	for _, tc := range []struct {
		rule     string
		endpoint *endpoint
		edit     func(*claims.Issuer)
		token    string
		accepted int32
	}{
		{"accepted", answering(nil), nil, opaqueToken, 1},
		{"remembered", &endpoint{longest: 40, payload: payload(nil), remembered: true}, nil, opaqueToken, 0},
		{"for another API", answering(members{"aud": `"x"`}), nil, opaqueToken, 0},
		{"expired", answering(members{"exp": "1"}), nil, opaqueToken, 0},
		{"without its proof", answering(members{"cnf": `{"jkt":"x"}`}), nil, opaqueToken, 0},
		{"refused by the hook", answering(nil), func(i *claims.Issuer) { i.Validate = refuseAll }, opaqueToken, 0},
		{"an accepted JWT", &endpoint{jwts: true, payload: payload(nil)}, nil, token(nil), 1},
		{"a JWT that has expired by the answer", &endpoint{jwts: true, payload: payload(members{"exp": "1"})}, nil, token(nil), 0},
	} {
		t.Run(tc.rule, func(t *testing.T) {
			i := goodIssuer()
			i.Opaque = tc.endpoint
			if tc.edit != nil {
				tc.edit(&i)
			}
			_, err := newVerifier(t, i).Verify(t.Context(), tc.token)
			assert.Equal(t, tc.accepted == 1 || tc.endpoint.remembered, err == nil)
			assert.Equal(t, tc.accepted, tc.endpoint.accepted.Load())
		})
	}
}

// Only the bytes of a token decide. The issuer has keys as well, and asks about any text that is
// no JWT.
func TestWhichTokensAreIntrospected(t *testing.T) {
	good := token(nil)
	segments := strings.Split(good, ".")
	for _, tc := range []struct {
		rule, token string
		reason      claims.Reason
		asked       int32
	}{
		{"a good JWT", good, "", 0},
		{"one segment", "opaque-token", "", 1},
		{"two segments, as of fosite", "opaque-token.signature", "", 1},
		{"three segments that are no JWT", "opaque.to.ken", "", 1},
		{"five segments that are no JWE", "o.p.a.q.ue-token", "", 1},
		{"the characters and padding of base64", "opaque/token+~==", "", 1},
		{"a JWT with a bad signature", segments[0] + "." + segments[1] + "." + b64("forged"), claims.ErrSignature, 0},
		{"a JWT without a signature", segments[0] + "." + segments[1] + ".", claims.ErrMalformed, 0},
		{"an expired JWT", token(members{"exp": "1"}), claims.ErrExpired, 0},
		{"a JWT of another issuer", token(members{"iss": `"https://other.example"`}), claims.ErrIssuer, 0},
		{"an unsigned JWT", b64(`{"alg":"none"}`) + "." + segments[1] + ".", claims.ErrAlgorithm, 0},
		{"a JWT without alg", b64(`{"typ":"JWT"}`) + "." + segments[1] + "." + segments[2], claims.ErrMalformed, 0},
		{"an empty header", b64(`{}`) + "." + segments[1] + "." + segments[2], claims.ErrMalformed, 0},
		{"white space in the header", b64(" \r\n\t{ \n\"alg\":1}") + "." + segments[1] + "." + segments[2], claims.ErrMalformed, 0},
		{"a header in base64, /", "eyL/Ijoi." + segments[1] + "." + segments[2], claims.ErrMalformed, 0},
		{"a header in base64, +", "eyL+Ijoi." + segments[1] + "." + segments[2], claims.ErrMalformed, 0},
		{"a header in base64, later", "eyJhIjoi/+8ifQ." + segments[1] + "." + segments[2], claims.ErrMalformed, 0},
		{"a header that is cut off", "eyI." + segments[1] + "." + segments[2], claims.ErrMalformed, 0},
		{"a JWE", b64(`{"alg":"dir","enc":"A256GCM"}`) + "..iv.text.tag", claims.ErrMalformed, 0},
		{"a JWT with a dot behind it", good + ".", claims.ErrMalformed, 0},
		{"a JWT with a segment behind it", good + ".more", claims.ErrMalformed, 0},
		{"a JWT with two dots behind it", good + "..", claims.ErrMalformed, 0},
		{"a JWT with many dots behind it", good + ".......", claims.ErrMalformed, 0},
		{"four segments that are no JWT", "opaque.to.ken.s", "", 1},
		{"two segments that begin like a JWT", segments[0] + "." + segments[1], "", 1},
		{"too short", "opaque-to", claims.ErrMalformed, 0},
		{"too long", strings.Repeat("a", 401), claims.ErrMalformed, 0},
		{"a space", "opaque token", claims.ErrMalformed, 0},
		{"a line break", "opaque-token\n", claims.ErrMalformed, 0},
		{"padding within", "opaque=token", claims.ErrMalformed, 0},
		{"only padding", "============", claims.ErrMalformed, 0},
		{"not ASCII", "opaque-tok\u00e9n", claims.ErrMalformed, 0},
		{"empty", "", claims.ErrMalformed, 0},
	} {
		t.Run(tc.rule, func(t *testing.T) {
			e := &endpoint{shortest: 10, longest: 400, payload: payload(nil)}
			i := goodIssuer()
			i.Opaque = e
			_, err := newVerifier(t, i).Verify(t.Context(), tc.token)
			requireReason(t, tc.reason, err)
			assert.Equal(t, tc.asked, e.asked.Load())
		})
	}
}

func TestOpaqueTokenGoesToTheIssuerOfItsPrefix(t *testing.T) {
	one, other := answering(nil), answering(members{"iss": `"` + partnerURL + `"`})
	other.prefix = "px_"
	second := opaqueIssuer(other)
	second.URL = partnerURL
	v := newVerifier(t, opaqueIssuer(one), second)
	for text, issuer := range map[string]string{"at_0123456789": issuerURL, "px_0123456789": partnerURL} {
		c, err := v.Verify(t.Context(), text)
		require.NoError(t, err)
		assert.Equal(t, issuer, c.Issuer())
	}
	_, err := v.Verify(t.Context(), "zz_0123456789")
	requireReason(t, claims.ErrMalformed, err)
	assert.EqualValues(t, 1, one.asked.Load())
	assert.EqualValues(t, 1, other.asked.Load())
}

func TestAnswersPassTheChecksOfAToken(t *testing.T) {
	const soon, later = "1893557000", "1893560000"
	require.Equal(t, int64(1893553445), now.Unix(), "the times below")
	for _, tc := range []struct {
		rule    string
		changes members
		reason  claims.Reason
	}{
		{"token_type Bearer", members{"token_type": `"Bearer"`}, ""},
		{"token_type bearer", members{"token_type": `"bearer"`}, ""},
		{"token_type access_token", members{"token_type": `"access_token"`}, ""},
		{"token_type null", members{"token_type": `null`}, ""},
		{"token_type refresh_token", members{"token_type": `"refresh_token"`}, claims.ErrType},
		{"token_type empty", members{"token_type": `""`}, claims.ErrType},
		{"token_type not a string", members{"token_type": `["Bearer"]`}, claims.ErrType},
		{"token_type of a JWT", members{"token_type": `"N_A"`}, claims.ErrType},
		{"token_use access_token", members{"token_use": `"access_token"`}, ""},
		{"token_use refresh_token", members{"token_use": `"refresh_token"`}, claims.ErrType},
		{"typ Bearer, of Keycloak", members{"typ": `"Bearer"`}, ""},
		{"typ Refresh, of Keycloak", members{"typ": `"Refresh"`}, claims.ErrType},
		{"token_type DPoP without cnf", members{"token_type": `"DPoP"`}, claims.ErrConfirmation},
		{"token_type DPoP with another cnf", members{"token_type": `"DPoP"`, "cnf": `{"x5t#S256":"a"}`}, claims.ErrConfirmation},
		{"cnf without its proof", members{"cnf": `{"jkt":"a"}`}, claims.ErrConfirmation},
		{"cnf null", members{"cnf": `null`}, claims.ErrUnavailable},
		{"nonce with scopes", members{"nonce": `"n"`}, ""},
		{"nonce without scopes", members{"nonce": `"n"`, "scope": ""}, claims.ErrType},
		{"at_hash", members{"at_hash": `"h"`}, claims.ErrType},
		{"events", members{"events": `{}`}, claims.ErrType},
		{"another iss", members{"iss": `"https://other.example"`}, claims.ErrIssuer},
		{"no iss", members{"iss": ""}, claims.ErrIssuer},
		{"expired", members{"exp": "1893553440"}, claims.ErrExpired},
		{"no exp", members{"exp": ""}, claims.ErrMissingClaim},
		{"nbf in the future", members{"nbf": soon}, claims.ErrNotYetValid},
		{"another aud", members{"aud": `"https://other.example"`}, claims.ErrAudience},
		{"no aud", members{"aud": ""}, claims.ErrMissingClaim},
		{"lives too long", members{"iat": "1893553000", "exp": later}, claims.ErrMissingClaim},
		{"exp of a wrong type", members{"exp": `"soon"`}, claims.ErrUnavailable},
		{"a claim twice", members{"sub": `"a","sub":"b"`}, claims.ErrUnavailable},
	} {
		t.Run(tc.rule, func(t *testing.T) {
			i := opaqueIssuer(answering(tc.changes))
			if tc.rule == "lives too long" {
				i.MaxLifetime = time.Hour
			}
			v := newVerifier(t, i)
			_, err := v.Verify(t.Context(), opaqueToken)
			requireReason(t, tc.reason, err)
			if err != nil {
				named, ok := err.(interface{ Issuer() string })
				require.True(t, ok)
				assert.Equal(t, issuerURL, named.Issuer())
				assert.Equal(t, tc.reason, reasonOfExplain(v, opaqueToken))
			}
		})
	}
}

// reasonOfExplain returns the reason of the deciding step. A missing proof is not one of its steps.
func reasonOfExplain(v *claims.Verifier, token string) claims.Reason {
	r := v.Explain(context.Background(), token, explain.Options{Fetch: true})
	for _, s := range r.Steps {
		if s.Result == explain.Fail {
			return claims.Reason(s.Reason)
		}
		if s.Check == "cnf" && s.Result == explain.NotRun {
			return claims.ErrConfirmation
		}
	}
	return ""
}

func TestSettingsOfTheIssuerApplyToAnswers(t *testing.T) {
	for _, tc := range []struct {
		rule   string
		change func(*claims.Issuer)
		reason claims.Reason
	}{
		{"RequiredClaims", func(i *claims.Issuer) { i.RequiredClaims = []string{"username"} }, claims.ErrMissingClaim},
		{"ClaimValues", func(i *claims.Issuer) { i.ClaimValues = map[string]string{"sub": "bob"} }, claims.ErrMissingClaim},
		{"Validate", func(i *claims.Issuer) {
			i.Validate = func(context.Context, *claims.Claims) error { return claims.ErrForbidden }
		}, claims.ErrForbidden},
		{"WithoutAudience", func(i *claims.Issuer) {
			i.Audiences, i.WithoutAudience = nil, &claims.WithoutAudience{ClientIDs: []string{"app"}}
		}, claims.ErrAudience},
	} {
		t.Run(tc.rule, func(t *testing.T) {
			i := opaqueIssuer(answering(nil))
			tc.change(&i)
			_, err := newVerifier(t, i).Verify(t.Context(), opaqueToken)
			requireReason(t, tc.reason, err)
		})
	}
	i := opaqueIssuer(answering(nil))
	i.AllowedScopes = []string{"read:x"}
	c, err := newVerifier(t, i).Verify(t.Context(), opaqueToken)
	require.NoError(t, err)
	assert.Equal(t, []string{"read:x"}, c.Scopes())
}

func TestBoundOpaqueTokenNeedsItsProof(t *testing.T) {
	v := newVerifier(t, opaqueIssuer(answering(members{"token_type": `"DPoP"`, "cnf": `{"jkt":"key"}`})))
	_, err := v.Verify(t.Context(), opaqueToken)
	requireReason(t, claims.ErrConfirmation, err)
	_, err = v.Verify(t.Context(), opaqueToken, acceptingProof{"jkt"})
	require.NoError(t, err)
}

type acceptingProof struct{ member string }

func (p acceptingProof) Member() string { return p.member }

func (acceptingProof) Confirm(_ context.Context, token string, value []byte) error {
	if token != opaqueToken || string(value) != `"key"` {
		return errors.New("another token or key")
	}
	return nil
}

func TestErrorsOfIntrospection(t *testing.T) {
	for _, tc := range []struct {
		rule   string
		err    error
		reason claims.Reason
	}{
		{"not active", claims.ErrRejected, claims.ErrRejected},
		{"an outage", &claims.UnavailableError{RetryAfter: 7 * time.Second}, claims.ErrUnavailable},
		{"the caller left", context.Canceled, claims.ErrUnavailable},
		{"both", errors.Join(claims.ErrRejected, claims.ErrUnavailable), claims.ErrUnavailable},
		{"a reason that an Opaque cannot give", claims.ErrForbidden, claims.ErrUnavailable},
		{"any other", errors.New("x"), claims.ErrUnavailable},
	} {
		t.Run(tc.rule, func(t *testing.T) {
			e := answering(nil)
			e.err = tc.err
			_, err := newVerifier(t, opaqueIssuer(e)).Verify(t.Context(), opaqueToken)
			requireReason(t, tc.reason, err)
			if outage, ok := errors.AsType[*claims.UnavailableError](err); ok {
				assert.Equal(t, 7*time.Second, outage.RetryAfter)
			}
		})
	}
}

// A JWT that is valid by its signature is introspected if the issuer wants it. Its claims stay
// those that were signed.
func TestJWTsAreIntrospected(t *testing.T) {
	good := token(nil)
	for _, tc := range []struct {
		rule, token, payload string
		err                  error
		reason               claims.Reason
		asked                int32
	}{
		{"active", good, payload(members{"aud": ""}), nil, "", 1},
		{"an answer without sub", good, payload(members{"sub": ""}), nil, "", 1},
		{"an answer about another subject", good, payload(members{"sub": `"mallory"`}), nil, claims.ErrUnavailable, 1},
		{"an answer about another token", token(members{"jti": `"1"`}), payload(members{"jti": `"2"`}), nil, claims.ErrUnavailable, 1},
		{"an answer with the same jti", token(members{"jti": `"1"`}), payload(members{"jti": `"1"`}), nil, "", 1},
		{"the same jti, and a sub for this API only", token(members{"jti": `"1"`}), payload(members{"jti": `"1"`, "sub": `"pairwise"`}), nil, "", 1},
		{"another jti, and the same sub", token(members{"jti": `"1"`}), payload(members{"jti": `"2"`}), nil, claims.ErrUnavailable, 1},
		{"another sub, and a jti in the JWT only", token(members{"jti": `"1"`}), payload(members{"sub": `"mallory"`}), nil, claims.ErrUnavailable, 1},
		{"another sub, and a jti in the answer only", good, payload(members{"jti": `"1"`, "sub": `"mallory"`}), nil, claims.ErrUnavailable, 1},
		{"an empty aud in the answer", good, payload(members{"aud": `[]`}), nil, "", 1},
		{"an answer for another API", good, payload(members{"aud": `"https://other.example"`}), nil, claims.ErrAudience, 1},
		{"an answer that says Bearer", good, payload(members{"token_type": `"Bearer"`}), nil, "", 1},
		{"an answer about a refresh token", good, payload(members{"token_type": `"refresh_token"`}), nil, claims.ErrType, 1},
		{"an answer of Keycloak about a refresh token", good, payload(members{"typ": `"Refresh"`}), nil, claims.ErrType, 1},
		{"an answer with a token_use of ID tokens", good, payload(members{"token_use": `"id"`}), nil, claims.ErrType, 1},
		{"an answer that says DPoP, about a bearer token", good, payload(members{"token_type": `"DPoP"`}), nil, claims.ErrConfirmation, 1},
		{"bound to a key by the answer only", good, payload(members{"cnf": `{"jkt":"key"}`}), nil, claims.ErrConfirmation, 1},
		{"bound to a certificate by the answer only", good, payload(members{"cnf": `{"x5t#S256":"key"}`}), nil, claims.ErrConfirmation, 1},
		{"an empty cnf in the answer", good, payload(members{"cnf": `{}`}), nil, claims.ErrConfirmation, 1},
		{"a cnf in the answer that is no object", good, payload(members{"cnf": `"key"`}), nil, claims.ErrUnavailable, 1},
		{"revoked", good, "", claims.ErrRejected, claims.ErrRevoked, 1},
		{"an outage", good, "", errors.New("x"), claims.ErrUnavailable, 1},
		{"an answer of another issuer", good, payload(members{"iss": `"x"`}), nil, claims.ErrIssuer, 1},
		{"an answer that has expired", good, payload(members{"exp": "1"}), nil, claims.ErrExpired, 1},
		{"an answer that cannot be read", good, "{", nil, claims.ErrUnavailable, 1},
		{"not valid", token(members{"exp": "1"}), payload(nil), nil, claims.ErrExpired, 0},
		{"no JWT", opaqueToken, payload(nil), nil, claims.ErrMalformed, 0},
	} {
		t.Run(tc.rule, func(t *testing.T) {
			e := &endpoint{jwts: true, payload: tc.payload, err: tc.err}
			i := goodIssuer()
			i.Opaque = e
			v := newVerifier(t, i)
			c, err := v.Verify(t.Context(), tc.token)
			requireReason(t, tc.reason, err)
			assert.Equal(t, tc.asked, e.asked.Load())
			if err == nil {
				assert.Equal(t, "alice", c.Subject())
				_, err = v.Verify(t.Context(), tc.token)
				require.NoError(t, err)
				assert.EqualValues(t, 2, e.asked.Load(), "remembered JWTs, too")
			}
		})
	}
}

// The caller proves the keys that the JWT names, so the answer must not name another one.
func TestAnswersAboutABoundJWT(t *testing.T) {
	bound := members{"cnf": `{"jkt":"key"}`}
	for _, tc := range []struct {
		rule   string
		answer members
		reason claims.Reason
	}{
		{"no cnf", nil, ""},
		{"the same cnf", bound, ""},
		{"the same cnf, and DPoP", members{"cnf": `{"jkt":"key"}`, "token_type": `"DPoP"`}, ""},
		{"DPoP only", members{"token_type": `"DPoP"`}, ""},
		{"another key", members{"cnf": `{"jkt":"other"}`}, claims.ErrConfirmation},
		{"a certificate as well", members{"cnf": `{"jkt":"key","x5t#S256":"c"}`}, claims.ErrConfirmation},
		{"a certificate instead", members{"cnf": `{"x5t#S256":"c"}`}, claims.ErrConfirmation},
		{"an unknown member as well", members{"cnf": `{"jkt":"key","x":"y"}`}, ""},
	} {
		t.Run(tc.rule, func(t *testing.T) {
			i := goodIssuer()
			i.Opaque = &endpoint{jwts: true, payload: payload(tc.answer)}
			var asked []string
			_, err := newVerifier(t, i).Verify(t.Context(), token(bound), proof{member: "jkt", seen: &asked})
			requireReason(t, tc.reason, err)
			if tc.reason == "" {
				assert.Len(t, asked, 2, "the proof is checked once, because it is good only once")
			} else {
				assert.Empty(t, asked)
			}
		})
	}
	i := goodIssuer()
	i.Opaque = &endpoint{jwts: true, payload: payload(bound)}
	_, err := newVerifier(t, i).Verify(t.Context(), token(bound))
	requireReason(t, claims.ErrConfirmation, err)
	_, err = newVerifier(t, i).Verify(t.Context(), token(nil))
	assert.ErrorContains(t, err, "a key that the JWT does not name", "an operator must not look for a proof")
}

func TestJWTsOfAnIssuerOfOpaqueTokensAreRefused(t *testing.T) {
	_, err := newVerifier(t, opaqueIssuer(answering(nil))).Verify(t.Context(), token(nil))
	requireReason(t, claims.ErrUnknownKey, err)
}

func TestMistakesInOpaqueIssuers(t *testing.T) {
	with := func(change func(*claims.Issuer)) []claims.Issuer {
		i := opaqueIssuer(answering(nil))
		change(&i)
		return []claims.Issuer{i}
	}
	two := func(prefix, other string) []claims.Issuer {
		a, b := answering(nil), answering(nil)
		a.prefix, b.prefix = prefix, other
		second := opaqueIssuer(b)
		second.URL = partnerURL
		return []claims.Issuer{opaqueIssuer(a), second}
	}
	const alike = "cannot be told apart"
	for _, tc := range []struct {
		rule    string
		issuers []claims.Issuer
		problem string
	}{
		{"one", with(func(*claims.Issuer) {}), ""},
		{"distinct prefixes", two("a_", "b_"), ""},
		{"equal prefixes", two("a_", "a_"), alike},
		{"a prefix of the other", two("a_b_", "a_"), alike},
		{"a prefix and none", two("a_", ""), alike},
		{"no prefixes", two("", ""), alike},
		{"neither keys nor opaque tokens", with(func(i *claims.Issuer) { i.Opaque = nil }), "Keys is nil"},
		{"a nil pointer", with(func(i *claims.Issuer) { i.Opaque = (*endpoint)(nil) }), "Opaque is a nil pointer"},
		{"a nil pointer as keys", with(func(i *claims.Issuer) { i.Keys = (*keySet)(nil) }), "Keys is nil"},
		{"JWTs without keys", with(func(i *claims.Issuer) { i.Opaque = &endpoint{jwts: true} }), "Opaque introspects JWTs, which need keys"},
	} {
		t.Run(tc.rule, func(t *testing.T) {
			_, err := claims.NewVerifier(claims.Config{Issuers: tc.issuers})
			if tc.problem == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, tc.problem)
		})
	}
	a, b := goodIssuer(), partner(oneKey())
	a.Opaque, b.Opaque = &endpoint{jwts: true}, &endpoint{jwts: true}
	newVerifier(t, a, b) // several issuers can introspect JWTs: iss tells them apart
}

// When Replace returns, no token goes to an issuer that is not trusted any more.
func TestReplaceChangesWhoIsAsked(t *testing.T) {
	e := answering(nil)
	v := newVerifier(t, opaqueIssuer(e), partner(oneKey()))
	_, err := v.Verify(t.Context(), opaqueToken)
	require.NoError(t, err)
	require.NoError(t, v.Replace([]claims.Issuer{partner(oneKey())}))
	_, err = v.Verify(t.Context(), opaqueToken)
	requireReason(t, claims.ErrMalformed, err)
	assert.EqualValues(t, 1, e.asked.Load())
}

func TestReplaceWithTheSameOpaqueKeepsRememberedTokens(t *testing.T) {
	i, keys := goodIssuer(), oneKey()
	i.Keys, i.Opaque = keys, answering(nil)
	v := verifierWith(t, 10, i)
	good := token(nil)
	_, err := v.Verify(t.Context(), good)
	require.NoError(t, err)
	require.NoError(t, v.Replace([]claims.Issuer{i}))
	c, err := v.Verify(t.Context(), good)
	require.NoError(t, err)
	assert.True(t, c.Remembered())
	i.Opaque = answering(nil)
	require.NoError(t, v.Replace([]claims.Issuer{i}))
	c, err = v.Verify(t.Context(), good)
	require.NoError(t, err)
	assert.False(t, c.Remembered())
}

func TestResolveIsNotCalledForOpaqueTokens(t *testing.T) {
	v, err := claims.NewVerifier(claims.Config{
		Issuers: []claims.Issuer{opaqueIssuer(answering(members{"iss": `"https://other.example"`}))},
		Resolve: func(context.Context, string) (*claims.Verifier, error) { panic("called") },
		Now:     func() time.Time { return now },
	})
	require.NoError(t, err)
	_, err = v.Verify(t.Context(), opaqueToken)
	requireReason(t, claims.ErrIssuer, err)
}

func TestJWTsOfAResolvedIssuerAreIntrospected(t *testing.T) {
	tenant := goodIssuer()
	tenant.Opaque = &endpoint{jwts: true, err: claims.ErrRejected}
	found := newVerifier(t, tenant)
	v, err := claims.NewVerifier(claims.Config{
		Resolve: func(context.Context, string) (*claims.Verifier, error) { return found, nil },
		Now:     func() time.Time { return now },
	})
	require.NoError(t, err)
	_, err = v.Verify(t.Context(), token(nil))
	requireReason(t, claims.ErrRevoked, err)
}

func TestOpaqueTokenIsExplained(t *testing.T) {
	e := answering(members{"aud": `"https://other.example"`})
	v := newVerifier(t, opaqueIssuer(e))
	steps := func(o explain.Options) (explain.Report, map[string]explain.Step) {
		r := v.Explain(t.Context(), opaqueToken, o)
		requireHarmless(t, opaqueToken, r)
		by := map[string]explain.Step{}
		for _, s := range r.Steps {
			by[s.Check] = s
			assert.NotContains(t, s.Detail+s.Expected+s.Received+s.Hint, opaqueToken)
		}
		return r, by
	}
	r, by := steps(explain.Options{})
	assert.Zero(t, e.asked.Load(), "no request without Fetch")
	assert.Equal(t, issuerURL, r.Issuer)
	assert.Empty(t, r.Deciding())
	assert.Equal(t, explain.Pass, by["segments"].Result)
	assert.Contains(t, by["segments"].Detail, "opaque")
	assert.Equal(t, explain.NotRun, by["claims"].Result)
	assert.Contains(t, by["claims"].Hint, "Options.Fetch")
	assert.Equal(t, explain.NotReached, by["aud"].Result)

	r, by = steps(explain.Options{Fetch: true, Scopes: []string{"read:x"}})
	assert.Equal(t, "aud", r.Deciding())
	assert.Equal(t, explain.NotRun, by["signature"].Result)
	assert.Equal(t, explain.Pass, by["claims"].Result)
	assert.Contains(t, by["aud"].Received, "other.example")
	assert.Equal(t, explain.Pass, by["policies"].Result)

	e.err = claims.ErrRejected
	r, by = steps(explain.Options{Fetch: true})
	assert.Equal(t, "claims", r.Deciding())
	assert.Equal(t, string(claims.ErrRejected), by["claims"].Reason)
	assert.Contains(t, by["claims"].Hint, "revoked")
}

func TestOpaqueTokensAreValidUntilTheirExp(t *testing.T) {
	i := opaqueIssuer(answering(nil))
	i.Leeway = time.Minute
	v := newVerifier(t, i)
	c, err := v.Verify(t.Context(), opaqueToken)
	require.NoError(t, err)
	assert.Equal(t, now.Add(goodFor+time.Minute), v.ValidUntil(c))
}

// A JWT is never introspected, whatever is done to it.
func FuzzOpaqueRoute(f *testing.F) {
	for _, seed := range []string{token(nil), opaqueToken, "a.b.c", b64(`{}`) + "..", b64(`{"enc":""}`) + "....", "====", b64(" {") + ".a.b"} {
		f.Add(seed)
	}
	e := &endpoint{shortest: 1, longest: 1 << 20, err: claims.ErrRejected}
	v, err := claims.NewVerifier(claims.Config{Issuers: []claims.Issuer{opaqueIssuer(e)}, CacheEntries: -1})
	require.NoError(f, err)
	f.Fuzz(func(t *testing.T, text string) {
		before := e.asked.Load()
		_, err := v.Verify(t.Context(), text)
		require.Error(t, err)
		if e.asked.Load() == before {
			return
		}
		for _, b := range []byte(text) {
			require.True(t, b > ' ' && b <= '~', "sent %q", text)
		}
		report := v.Explain(t.Context(), text, explain.Options{})
		require.Equal(t, issuerURL, report.Issuer)
		if header, _, _ := strings.Cut(text, "."); strings.Count(text, ".") >= 2 {
			require.False(t, strings.HasPrefix(strings.TrimLeft(decoded(header), " \t\r\n"), `{"`), "sent %q", text)
		}
	})
}
