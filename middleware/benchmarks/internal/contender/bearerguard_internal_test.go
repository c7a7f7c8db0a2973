package contender

import (
	"context"
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/claims"
)

// A counting is a key set that counts the signature checks of its keys.
type counting struct {
	claims.KeySet
	checks *int
}

func (c counting) Keys(ctx context.Context, alg, kid string) ([]claims.Key, error) {
	keys, err := c.KeySet.Keys(ctx, alg, kid)
	var counted []claims.Key
	for _, key := range keys {
		counted = append(counted, countedKey{key, c.checks})
	}
	return counted, err
}

type countedKey struct {
	claims.Key
	checks *int
}

func (k countedKey) Verify(signingInput, signature []byte) error {
	*k.checks++
	return k.Key.Verify(signingInput, signature)
}

// With two tokens in turn, each request costs a signature check if its token is not yet
// cached or the cache is off, and none if the token is cached.
func TestRowNamesAreTrue(t *testing.T) {
	issuer, err := NewIssuer(EdDSA)
	require.NoError(t, err)
	defer issuer.Close()
	const warm, requests = 4, 10
	for name, tt := range map[string]struct{ entries, checks int }{
		"token not yet cached": {1, requests}, "token cached": {0, 0}, "cache off": {-1, requests},
	} {
		checks := 0
		keys, err := fetchedKeys(issuer)
		require.NoError(t, err)
		handler, err := protectCaching(tt.entries, issuer, counting{keys, &checks}, Timesheets)
		require.NoError(t, err)
		client, tokens := NewClient(t.Context(), handler), issuer.Tokens(2)
		for n := range warm + requests {
			if n == warm {
				checks = 0
			}
			client.Bearer(tokens[n%2])
			require.Equal(t, http.StatusOK, client.Do())
		}
		assert.Equal(t, tt.checks, checks, name)
	}
}
