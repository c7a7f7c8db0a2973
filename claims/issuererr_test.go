package claims_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/claims"
)

func TestEachMistakeOfErrHasItsLine(t *testing.T) {
	first, second := errors.New("no domain"), errors.New("no client")
	const prefix = `claims: invalid Issuer "https://issuer.example/": `
	for want, err := range map[string]error{
		prefix + "no domain":                          first,
		prefix + "no domain\n" + prefix + "no client": errors.Join(first, nil, second),
		prefix + "tenant: no domain, no client":       fmt.Errorf("tenant: %w, %w", first, second),
	} {
		issuer := goodIssuer()
		issuer.Err = err
		_, got := claims.NewVerifier(claims.Config{Issuers: []claims.Issuer{issuer}})
		require.EqualError(t, got, want)
		assert.ErrorIs(t, got, first)
	}
}

// A wrapsNothing is an error whose list is empty.
type wrapsNothing struct{}

func (wrapsNothing) Error() string   { return "no domain" }
func (wrapsNothing) Unwrap() []error { return nil }

func TestErrThatWrapsNothingIsReported(t *testing.T) {
	issuer := goodIssuer()
	issuer.Err = wrapsNothing{}
	_, err := claims.NewVerifier(claims.Config{Issuers: []claims.Issuer{issuer}})
	require.EqualError(t, err, `claims: invalid Issuer "https://issuer.example/": no domain`)
}

// A mistake is logged, and shown on status pages.
func TestA17MistakesDoNotPrintThePasswordOfAnIssuer(t *testing.T) {
	const secret = "https://user:hunter2@issuer.example"
	of := func(url string) claims.Issuer {
		return claims.Issuer{URL: url, Audiences: []string{audience}, Keys: oneKey()}
	}
	noAudience, opaque := of(secret), of(secret)
	noAudience.Audiences = nil
	opaque.Opaque = answering(nil)
	other := opaque
	other.URL += "/other"
	for rule, issuers := range map[string][]claims.Issuer{
		"no audience": {noAudience}, "twice": {of(secret), of(secret)}, "white space": {of(secret + " ")},
		"a document": {of(secret + "/.well-known/openid-configuration")}, "opaque tokens": {opaque, other},
	} {
		_, err := claims.NewVerifier(claims.Config{Issuers: issuers})
		require.Error(t, err, rule)
		assert.NotContains(t, err.Error(), "hunter2", rule)
		assert.Contains(t, err.Error(), "https://REDACTED@issuer.example", rule)
	}
}
