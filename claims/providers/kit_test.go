package providers_test

import (
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/claims"
)

// now is the clock of every verifier in these tests.
var now = time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)

// signer is the private key of every issuer.
var signer = ed25519.NewKeyFromSeed([]byte("a seed of thirty-two bytes, fine"))

const goodHeader = `{"alg":"EdDSA","kid":"k1","typ":"JWT"}`

// oneKey is a KeySet and its only Key, which is signer's.
type oneKey struct{}

func (oneKey) Keys(context.Context, string, string) ([]claims.Key, error) {
	return []claims.Key{oneKey{}}, nil
}

func (oneKey) Verify(signingInput, signature []byte) error {
	if !ed25519.Verify(signer.Public().(ed25519.PublicKey), signingInput, signature) {
		return errors.New("no")
	}
	return nil
}

// withKeys returns a copy of issuers with keys, which need no JWKSURL.
func withKeys(issuers []claims.Issuer) []claims.Issuer {
	issuers = slices.Clone(issuers)
	for n := range issuers {
		issuers[n].Keys, issuers[n].JWKSURL = oneKey{}, ""
	}
	return issuers
}

func newVerifier(t *testing.T, issuers ...claims.Issuer) *claims.Verifier {
	t.Helper()
	v, err := claims.NewVerifier(claims.Config{Issuers: withKeys(issuers), Now: func() time.Time { return now }})
	require.NoError(t, err)
	return v
}

// sign returns a token of exactly these bytes of header and payload.
func sign(header, payload string) string {
	input := base64.RawURLEncoding.EncodeToString([]byte(header)) + "." + base64.RawURLEncoding.EncodeToString([]byte(payload))
	return input + "." + base64.RawURLEncoding.EncodeToString(ed25519.Sign(signer, []byte(input)))
}

// thumbprint confirms every token that is bound to a key (RFC 9449).
type thumbprint struct{}

func (thumbprint) Member() string { return "jkt" }

func (thumbprint) Confirm(context.Context, string, []byte) error { return nil }

// requireReason requires that err has exactly this reason, or is nil if the reason is empty.
func requireReason(t *testing.T, want claims.Reason, err error) {
	t.Helper()
	if want == "" {
		require.NoError(t, err)
		return
	}
	var got claims.Reason
	require.ErrorAs(t, err, &got)
	require.Equal(t, want, got)
}
