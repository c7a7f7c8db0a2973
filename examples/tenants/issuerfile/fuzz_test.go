package issuerfile_test

import (
	"context"
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/claims"
	"github.com/bearerguard/bearerguard/examples/tenants/issuerfile"
)

type noKeys struct{}

func (noKeys) Keys(context.Context, string, string) ([]claims.Key, error) {
	return nil, claims.ErrKeysUnavailable
}

// A document is refused, or has only issuers that a Verifier accepts, each with a rule for the
// audience. Together they have no duplicate.
func FuzzParse(f *testing.F) {
	document, err := os.ReadFile("testdata/issuers.json")
	require.NoError(f, err)
	f.Add(document)
	for _, seed := range []string{
		``, `[]`, `[null]`, `{}`, `[{"url": "https://a.example/", "audiences": ["api"]}] []`,
		`[{"url": "https://a.example/", "audiences": null}]`,
		`[{"url": "https://a.example/", "without_audience": {"client_ids": ["a"]}, "rfc9068": true}]`,
		`[{"url": "https://a.example/", "audiences": ["api"], "claim_rules": {"/a": [null, true]}, "leeway": "1h"}]`,
		`[{"preset": {"entra": {"client_id": "` + clientID + `", "tenants": ["` + tenantID + `"]}}, "url": "https://a.example/"}]`,
		`[{"preset": {"cognito": {"region": "eu-west-1", "user_pool": "eu-west-1_p", "client_ids": ["a"]}}, "audiences": ["api"]}]`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, document []byte) {
		issuers, err := issuerfile.Parse(document)
		if err != nil {
			assert.Empty(t, issuers)
			return
		}
		require.NotEmpty(t, issuers)
		for n := range issuers {
			assert.True(t, len(issuers[n].Audiences) > 0 || len(issuers[n].WithoutAudience.ClientIDs) > 0)
			assert.Nil(t, issuers[n].Keys)
			assert.Nil(t, issuers[n].Validate)
			issuers[n].Keys, issuers[n].JWKSURL = noKeys{}, ""
		}
		_, err = claims.NewVerifier(claims.Config{Issuers: issuers, CacheEntries: -1})
		assert.NoError(t, err)
	})
}
