package claims_test

import (
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/claims"
)

const (
	issuerURL = "https://issuer.example/"
	audience  = "https://api.example"
)

// now is the clock of every verifier in these tests.
var now = time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)

// goodFor is how long after now good claims expire.
const goodFor = time.Hour

// signer is the issuer's private key.
var signer = ed25519.NewKeyFromSeed([]byte("a seed of thirty-two bytes, fine"))

const goodHeader = `{"alg":"EdDSA","kid":"k1","typ":"JWT"}`

type edKey struct{ public [ed25519.PublicKeySize]byte }

func keyOf(private ed25519.PrivateKey) edKey {
	return edKey{[ed25519.PublicKeySize]byte(private.Public().(ed25519.PublicKey))}
}

func (k edKey) Verify(signingInput, signature []byte) error {
	if !ed25519.Verify(k.public[:], signingInput, signature) {
		return errors.New("no")
	}
	return nil
}

// keySet is a KeySet that calls keys, and counts the calls.
type keySet struct {
	asked atomic.Int32
	keys  func(ctx context.Context, alg, kid string) ([]claims.Key, error)
}

func (s *keySet) Keys(ctx context.Context, alg, kid string) ([]claims.Key, error) {
	s.asked.Add(1)
	return s.keys(ctx, alg, kid)
}

// oneKey returns a key set that holds only signer's key, with the kid k1.
func oneKey() *keySet {
	keys := []claims.Key{keyOf(signer)}
	return &keySet{keys: func(_ context.Context, alg, kid string) ([]claims.Key, error) {
		if alg != "EdDSA" && alg != "Ed25519" || kid != "k1" && kid != "" {
			return nil, claims.ErrUnknownKey
		}
		return keys, nil
	}}
}

func goodIssuer() claims.Issuer {
	return claims.Issuer{URL: issuerURL, Audiences: []string{audience}, Keys: oneKey()}
}

// cacheEntries is Config.CacheEntries where a test does not set it: the default, or no cache
// in the run that TestAllWithoutTheTokenCache starts.
var cacheEntries, _ = strconv.Atoi(os.Getenv(cacheEntriesVariable))

const cacheEntriesVariable = "BEARERGUARD_TEST_CACHE_ENTRIES"

func newVerifier(t testing.TB, issuers ...claims.Issuer) *claims.Verifier {
	t.Helper()
	return verifierWith(t, cacheEntries, issuers...)
}

func verifierWith(t testing.TB, cacheEntries int, issuers ...claims.Issuer) *claims.Verifier {
	t.Helper()
	v, err := claims.NewVerifier(claims.Config{
		Issuers: issuers, CacheEntries: cacheEntries, Now: func() time.Time { return now },
	})
	require.NoError(t, err)
	return v
}

func b64(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }

// sign returns a token of exactly these bytes of header and payload.
func sign(header, payload string) string { return signSegments(b64(header), b64(payload)) }

func signSegments(header, payload string) string {
	input := header + "." + payload
	return input + "." + base64.RawURLEncoding.EncodeToString(ed25519.Sign(signer, []byte(input)))
}

// members are claims with JSON texts as values, so that a test can write any text.
type members map[string]string

func goodClaims() members {
	return members{
		"iss":   `"` + issuerURL + `"`,
		"aud":   `"` + audience + `"`,
		"sub":   `"alice"`,
		"exp":   strconv.FormatInt(now.Add(goodFor).Unix(), 10),
		"scope": `"read:x write:x"`,
	}
}

// payload returns goodClaims with changes. An empty text deletes the claim.
func payload(changes members) string {
	all := goodClaims()
	maps.Copy(all, changes)
	var texts []string
	for _, name := range slices.Sorted(maps.Keys(all)) {
		if all[name] != "" {
			texts = append(texts, strconv.Quote(name)+":"+all[name])
		}
	}
	return "{" + strings.Join(texts, ",") + "}"
}

func token(changes members) string { return sign(goodHeader, payload(changes)) }

// requireReason requires that err has exactly this reason, or is nil if the reason is empty.
func requireReason(t *testing.T, want claims.Reason, err error) {
	t.Helper()
	if want == "" {
		require.NoError(t, err)
		return
	}
	require.ErrorIs(t, err, want)
	var got claims.Reason
	require.ErrorAs(t, err, &got)
	require.Equal(t, want, got)
}
