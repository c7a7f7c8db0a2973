package middlewaretest

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"strings"
	"time"

	"github.com/bearerguard/bearerguard/claims"
	"github.com/bearerguard/bearerguard/jwks/jwkstest"
)

const (
	opaquePrefix    = "opaque_"
	inactiveToken   = opaquePrefix + "of-nobody"
	unansweredToken = opaquePrefix + "of-an-outage"
)

// opaque returns an opaque token for which the issuer has these claims. Unlike a real one it holds
// them, so that the endpoint needs no memory. It is bound as [tokens.token] are.
func (t tokens) opaque(changes map[string]any) string {
	all := map[string]any{
		"iss": t.issuer.URL(), "aud": jwkstest.Audience, "exp": time.Now().Add(time.Hour).Unix(), "active": true,
		"token_type": "Bearer",
	}
	if t.thumbprint != "" {
		all["token_type"], all["cnf"] = "DPoP", map[string]string{"jkt": t.thumbprint}
	}
	maps.Copy(all, changes)
	payload, err := json.Marshal(all)
	if err != nil {
		panic(fmt.Sprintf("middlewaretest: %v", err))
	}
	return opaquePrefix + base64.URLEncoding.EncodeToString(payload)
}

// An endpoint answers for opaque tokens.
type endpoint struct{}

// Introspect implements the Opaque of a [claims.Issuer].
func (endpoint) Introspect(_ context.Context, _, token string) (payload string, remembered bool, err error) {
	switch token {
	case inactiveToken:
		return "", false, fmt.Errorf("this text is never sent: %w", claims.ErrRejected)
	case unansweredToken:
		return "", false, &claims.UnavailableError{RetryAfter: 9 * time.Second, Err: errors.New("this text is never sent")}
	}
	text, err := base64.URLEncoding.DecodeString(strings.TrimPrefix(token, opaquePrefix))
	return string(text), false, err
}

func (endpoint) Accepted(_, _ string) {}

func (endpoint) Tokens() (prefix string, shortest, longest int, jwts bool) {
	return opaquePrefix, len(opaquePrefix), 4 << 10, false
}

// badOpaqueTokens returns requests that every route refuses alike.
func badOpaqueTokens(t tokens) []testCase {
	invalid, outage := unproved(invalidToken, nil), unavailable("", "")
	outage.retryAfter, outage.everyMethod = 9*time.Second, false
	return under(t.scheme, []testCase{
		invalid.with("opaque token that is not active", inactiveToken),
		outage.with("opaque token during an outage of its issuer", unansweredToken),
		invalid.with("opaque token for another audience", t.opaque(claim("aud", "https://other.example.test"))),
		invalid.with("opaque token that has expired", t.opaque(claim("exp", 1))),
		invalid.with("opaque refresh token", t.opaque(claim("token_type", "refresh_token"))),
		invalid.with("opaque token bound to another key", t.opaque(claim("cnf", map[string]string{"jkt": strings.Repeat("A", 43)}))),
		invalid.with("opaque token bound to a certificate", t.opaque(claim("cnf", map[string]string{"x5t#S256": strings.Repeat("A", 43)}))),
		invalid.with("opaque token revoked by a hook", t.opaque(claim("hook", "revoked"))),
	})
}

// goodOpaqueTokens returns requests with opaque tokens, by the name of the route.
func goodOpaqueTokens(t tokens) map[string][]testCase {
	const alice = "subject alice"
	token := func(scope string) string { return t.opaque(map[string]any{"sub": "alice", "scope": scope}) }
	return map[string][]testCase{
		authenticated: under(t.scheme, []testCase{ok("opaque token without scopes", token(""), alice)}),
		"Optional":    under(t.scheme, []testCase{ok("opaque token without scopes", token(""), alice)}),
		"AllScopes": under(t.scheme, []testCase{
			ok("opaque token with all of them", token(read+" "+write), alice),
			lacks(read+" "+write, "opaque token with one of them", token(read)),
		}),
		"DeepGroup": under(t.scheme, []testCase{ok("opaque token with both scopes", token(read+" "+write), alice)}),
	}
}
