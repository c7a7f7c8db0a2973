package wycheproof_test

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/claims"
	"github.com/bearerguard/bearerguard/jwks"
)

const (
	issuerURL = "https://issuer.example/"
	audience  = "https://api.example"
)

var now = time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)

// goodClaims is the payload segment of claims that every verifier here accepts.
var goodClaims = base64.RawURLEncoding.EncodeToString([]byte(
	`{"iss":"` + issuerURL + `","aud":"` + audience + `","sub":"alice","exp":1893560645}`,
))

// verify returns nil if a verifier with the group's keys accepts the token.
//
// The payloads of the vectors are words such as "foo", not claims, so the verifier refuses
// every token. If the payload is the reason, verify repeats the verification with goodClaims
// as the payload segment. The keys then get the vector's own payload segment, for which its
// signature was made.
func verify(t *testing.T, group joseGroup, token string) error {
	t.Helper()
	keys, algorithms, err := group.keys()
	if err != nil {
		return errors.Join(errKeysRefused, err)
	}
	_, err = newVerifier(t, keys, algorithms).Verify(t.Context(), token)
	require.Error(t, err, "no vector has claims as its payload")
	if !isForPayload(err) {
		return err
	}
	return verifyTransplanted(t, keys, algorithms, token)
}

func verifyTransplanted(t *testing.T, keys claims.KeySet, algorithms []string, token string) error {
	t.Helper()
	part := strings.Split(token, ".")
	require.Len(t, part, 3)
	asked := &transplant{keys: keys, payload: part[1]}
	_, err := newVerifier(t, asked, algorithms).Verify(t.Context(), part[0]+"."+goodClaims+"."+part[2])
	return err
}

// isForPayload reports whether a token was refused because its payload is valid base64url, but
// not a set of claims. The payload is the last segment to be checked before the issuer's settings
// and keys, so everything before it is good.
func isForPayload(err error) bool {
	return errors.Is(err, claims.ErrMalformed) &&
		(strings.HasSuffix(err.Error(), ": payload: not strict JSON") || strings.HasSuffix(err.Error(), ": payload: not a JSON object"))
}

// errKeysRefused says that no key set can be made of the group's keys, so no token is accepted.
var errKeysRefused = errors.New("the keys are refused")

// verifiers are one Verifier without the token cache and one with it.
type verifiers [2]*claims.Verifier

func newVerifier(t *testing.T, keys claims.KeySet, algorithms []string) verifiers {
	t.Helper()
	var both verifiers
	for n, entries := range []int{-1, 0} {
		v, err := claims.NewVerifier(claims.Config{
			Issuers:      []claims.Issuer{{URL: issuerURL, Audiences: []string{audience}, Keys: keys, Algorithms: algorithms}},
			CacheEntries: entries, Now: func() time.Time { return now },
		})
		require.NoError(t, err)
		both[n] = v
	}
	return both
}

// Verify requires the same answer without the token cache and twice with it.
func (vs verifiers) Verify(ctx context.Context, token string) (*claims.Claims, error) {
	c, err := vs[0].Verify(ctx, token)
	for range 2 {
		if _, again := vs[1].Verify(ctx, token); fmt.Sprint(again) != fmt.Sprint(err) {
			return nil, fmt.Errorf("without the token cache: %w; with it: %w", err, again)
		}
	}
	return c, err
}

// keys returns the key set and the algorithms that an operator would configure for the group:
// its public keys with the default algorithms (nil), or its secrets with their algorithm. Keys for
// decryption cannot be configured, so groups of JWEs get someKey.
func (g joseGroup) keys() (claims.KeySet, []string, error) {
	switch {
	case g.Tests[0].JWE != nil:
		return asymmetric(json.RawMessage(someKey))
	case g.Public != nil:
		return asymmetric(g.Public)
	}
	set := asSet(g.Private)
	var parsed struct {
		Keys []struct{ Kty, Alg, Kid, K string }
	}
	if err := json.Unmarshal(set, &parsed); err != nil {
		return nil, nil, err
	}
	var secrets []jwks.Secret
	for _, key := range parsed.Keys {
		if key.Kty != "oct" {
			return asymmetric(set)
		}
		value, err := base64.RawURLEncoding.DecodeString(key.K)
		if err != nil {
			return nil, nil, err
		}
		secrets = append(secrets, jwks.Secret{KeyID: key.Kid, Algorithm: key.Alg, Value: value})
	}
	if bytes.Equal(secrets[0].Value, make([]byte, 32)) {
		return zeroSecret{}, []string{"HS256"}, nil
	}
	keys, err := jwks.NewSecrets(secrets...)
	if err != nil {
		return nil, nil, err
	}
	return keys, []string{secrets[0].Algorithm}, nil
}

// zeroSecret is the secret of one group of vectors, for HS256: 32 zero bytes. NewSecrets refuses
// it. The vectors are about the grammar of tokens, so they must still be judged.
type zeroSecret struct{}

func (zeroSecret) Keys(_ context.Context, alg, kid string) ([]claims.Key, error) {
	if alg != "HS256" || kid != "" && kid != "hs256-key" {
		return nil, claims.ErrUnknownKey
	}
	return []claims.Key{zeroSecret{}}, nil
}

func (zeroSecret) Verify(signingInput, signature []byte) error {
	mac := hmac.New(sha256.New, make([]byte, 32))
	mac.Write(signingInput)
	if !hmac.Equal(mac.Sum(nil), signature) {
		return claims.ErrSignature
	}
	return nil
}

// someKey is the key of RFC 7515 appendix A.3.1.
const someKey = `{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}`

func asymmetric(key json.RawMessage) (claims.KeySet, []string, error) {
	keys, err := jwks.NewStatic(asSet(key))
	if err != nil {
		return nil, nil, err
	}
	return keys, nil, nil
}

// asSet returns a JWK Set that holds the key. It returns a JWK Set unchanged.
func asSet(key json.RawMessage) json.RawMessage {
	var set struct{ Keys json.RawMessage }
	if json.Unmarshal(key, &set) == nil && set.Keys != nil {
		return key
	}
	return append(append([]byte(`{"keys":[`), key...), `]}`...)
}

// A transplant is a KeySet whose keys verify the vector's payload segment instead of goodClaims.
type transplant struct {
	keys    claims.KeySet
	payload string
}

func (s *transplant) Keys(ctx context.Context, alg, kid string) ([]claims.Key, error) {
	keys, err := s.keys.Keys(ctx, alg, kid)
	var wrapped []claims.Key
	for _, key := range keys {
		wrapped = append(wrapped, transplantedKey{key, s.payload})
	}
	return wrapped, err
}

type transplantedKey struct {
	key     claims.Key
	payload string
}

func (k transplantedKey) Verify(signingInput, signature []byte) error {
	header, ok := bytes.CutSuffix(signingInput, []byte("."+goodClaims))
	if !ok {
		return errors.New("the signing input is not the bytes that the verifier received")
	}
	return k.key.Verify(append(append(bytes.Clone(header), '.'), k.payload...), signature)
}
