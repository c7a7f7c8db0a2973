package claims

import (
	"context"
	"encoding/base64"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/claims/explain"
)

// The header of a token that is only explained is not remembered, even if its signature is good.
func TestExplainRemembersNoHeader(t *testing.T) {
	v, err := NewVerifier(Config{Issuers: []Issuer{{URL: "i", Audiences: []string{"a"}, Keys: acceptingSet{}}}})
	require.NoError(t, err)
	encode := base64.RawURLEncoding.EncodeToString
	exp := "253402300799"
	token := encode([]byte(`{"alg":"EdDSA"}`)) + "." + encode([]byte(`{"iss":"i","aud":"a","exp":`+exp+`}`)) + ".AAAA"
	segment, _, _ := strings.Cut(token, ".")

	r := v.Explain(context.Background(), token, explain.Options{Fetch: true})
	require.Empty(t, r.Deciding())
	_, known := v.headers.get(segment)
	assert.False(t, known)

	_, err = v.Verify(context.Background(), token)
	require.NoError(t, err)
	_, known = v.headers.get(segment)
	assert.True(t, known, "Verify remembers it")
	assert.Equal(t, r, func() explain.Report {
		again := v.Explain(context.Background(), token, explain.Options{Fetch: true})
		again.At = r.At
		return again
	}())
}

// Each check belongs to a row, and each row has a name.
func TestEveryCheckHasARow(t *testing.T) {
	names := map[string]bool{}
	for _, r := range rows {
		assert.NotEmpty(t, r.check)
		assert.False(t, names[r.check], r.check)
		names[r.check] = true
	}
	for c, r := range rowOf {
		assert.NotEqual(t, requestRow, r, "check %d has no row", c)
	}
}

// An acceptingSet has a key that accepts every signature.
type acceptingSet struct{}

func (acceptingSet) Keys(context.Context, string, string) ([]Key, error) {
	return []Key{acceptingKey{}}, nil
}

type acceptingKey struct{}

func (acceptingKey) Verify([]byte, []byte) error { return nil }
