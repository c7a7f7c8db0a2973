package metrics_test

import (
	"encoding/json"
	"expvar"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/jwks/jwkstest"
	"github.com/bearerguard/bearerguard/middleware"
)

func TestVarIsJSON(t *testing.T) {
	issuer := jwkstest.NewIssuer(jwkstest.Config{})
	auth, counts := observed(t, issuer)
	var published expvar.Var = counts.Var(auth)
	counts.Observe(t.Context(), middleware.Decision{Outcome: "ok", Issuer: issuer.URL(), Scheme: "Bearer", Transport: "http", Duration: 1500})

	var got map[string]any
	require.NoError(t, json.Unmarshal([]byte(published.String()), &got))
	assert.Len(t, got, len(counts.Families(auth.Status())))
	assert.Equal(t, []any{map[string]any{"outcome": "ok", "scheme": "Bearer", "transport": "http", "value": 1.0}}, got["bearerguard.requests"])
	assert.Equal(t, []any{map[string]any{"outcome": "ok", "cache": "miss", "count": 1.0, "sum": 1.5e-6}}, got["bearerguard.verification.duration"])
	assert.Equal(t, []any{map[string]any{"issuer": issuer.URL(), "state": "cold", "value": 1.0}}, got["bearerguard.jwks.state"])
	assert.Equal(t, []any{}, got["bearerguard.jwks.fetches"], "series that are 0 are left out")
	assert.Equal(t, 0.0, got["bearerguard.token_cache.entries"])
}
