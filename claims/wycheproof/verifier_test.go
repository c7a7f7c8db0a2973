package wycheproof_test

import (
	"bytes"
	"context"
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

// goodClaims is the payload segment that every policy here accepts.
var goodClaims = base64.RawURLEncoding.EncodeToString([]byte(
	`{"iss":"` + issuerURL + `","aud":"` + audience + `","sub":"alice","exp":1893560645}`,
))

// judge returns nil if the verifier, set up with the group's keys, accepts the token.
//
// The payloads of the vectors are words such as "foo", and no claims, so the verifier
// never accepts the token as it stands. If it refuses it for its payload alone, it is
// asked once more, about a token that differs in the payload segment only: there the
// verifier sees good claims, while the keys are given the bytes that the vector's
// signature was made for.
func judge(t *testing.T, group joseGroup, token string) error {
	t.Helper()
	keys, algorithms, err := group.keys()
	if err != nil {
		return errors.Join(errKeysRefused, err)
	}
	_, err = newVerifier(t, keys, algorithms).Verify(t.Context(), token)
	require.Error(t, err, "no vector has claims for a payload")
	if !isForPayload(err) {
		return err
	}
	return judgeTransplanted(t, keys, algorithms, token)
}

func judgeTransplanted(t *testing.T, keys claims.KeySet, algorithms []string, token string) error {
	t.Helper()
	part := strings.Split(token, ".")
	require.Len(t, part, 3)
	asked := &transplant{keys: keys, payload: part[1]}
	_, err := newVerifier(t, asked, algorithms).Verify(t.Context(), part[0]+"."+goodClaims+"."+part[2])
	return err
}

// isForPayload reports whether a token was refused because its payload, which is proper
// base64url, is no set of claims. The payload is the last of the segments to be looked at
// before policy and keys, so there was nothing else to object to up to there.
func isForPayload(err error) bool {
	return errors.Is(err, claims.ErrMalformed) &&
		(strings.HasSuffix(err.Error(), ": payload: not strict JSON") || strings.HasSuffix(err.Error(), ": payload: not a JSON object"))
}

// errKeysRefused says that no verifier can be set up with the group's keys, so that there
// is nothing to accept a token with.
var errKeysRefused = errors.New("the keys are refused")

// A verifiers is one that remembers tokens and one that does not.
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

// Verify demands one answer, whether the token is seen for the first time or again, with the
// cache or without.
func (vs verifiers) Verify(ctx context.Context, token string) (*claims.Claims, error) {
	c, err := vs[0].Verify(ctx, token)
	for range 2 {
		if _, again := vs[1].Verify(ctx, token); fmt.Sprint(again) != fmt.Sprint(err) {
			return nil, fmt.Errorf("without the token cache: %w; with it: %w", err, again)
		}
	}
	return c, err
}

// keys is what somebody would configure who was handed the group's key: the public part
// as a key set, or the secrets as secrets with their algorithm. nil algorithms are the
// default. Keys for decryption are nothing that can be configured; whoever sends a JWE
// meets a verifier with other keys.
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
	keys, err := jwks.NewSecrets(secrets...)
	if err != nil {
		return nil, nil, err
	}
	return keys, []string{secrets[0].Algorithm}, nil
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

// asSet makes a JWK Set of a JWK, and leaves a set as it is.
func asSet(key json.RawMessage) json.RawMessage {
	var set struct{ Keys json.RawMessage }
	if json.Unmarshal(key, &set) == nil && set.Keys != nil {
		return key
	}
	return append(append([]byte(`{"keys":[`), key...), `]}`...)
}

// A transplant hands out keys that verify the vector's payload segment in the place of
// goodClaims.
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
		return errors.New("the verifier signs over other bytes than it received")
	}
	return k.key.Verify(append(append(bytes.Clone(header), '.'), k.payload...), signature)
}
