package dpop_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"math/big"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/jwks/jwkstest"
	"github.com/bearerguard/bearerguard/middleware/dpop"
)

// A forgetful store finds every proof fresh, so that one proof can be measured many times.
type forgetful struct{}

func (forgetful) Use(context.Context, [32]byte, [32]byte, time.Time) (bool, error) { return true, nil }

// longToken is as long as an access token of an ordinary issuer.
var longToken = strings.Repeat("t", 1000)

// measured returns a Checker that knows the key, and a request with a good proof.
func measured(t testing.TB, key jwkstest.Key, claims members) (*dpop.Checker, dpop.Request) {
	t.Helper()
	now := time.Now()
	c := newChecker(t, dpop.Config{Replays: forgetful{}, Now: func() time.Time { return now }})
	claims["iat"] = now.Unix()
	r := request(jwkstest.Proof(key, http.MethodGet, apiURL, longToken, claims))
	require.NoError(t, c.Proof(r).Confirm(t.Context(), longToken, jktOf(key)))
	return c, r
}

func TestAllocations(t *testing.T) {
	if replayRace {
		t.Skip("the race detector allocates")
	}
	for _, tt := range []struct {
		rule   string
		alg    string
		claims members
		fails  bool
		most   float64
	}{
		{"EdDSA, whose signature takes none", "EdDSA", members{}, false, 8},
		{"ES256, of which the signature takes 19", "ES256", members{}, false, 30},
		{"refused before the signature", "EdDSA", members{"htm": "POST"}, true, 5},
	} {
		key := jwkstest.NewKey(tt.alg)
		c, r := measured(t, key, members{})
		r.Fields = []string{jwkstest.Proof(key, http.MethodGet, apiURL, longToken, tt.claims)}
		jkt := jktOf(key)
		got := testing.AllocsPerRun(100, func() {
			if err := c.Proof(r).Confirm(context.Background(), longToken, jkt); (err != nil) != tt.fails {
				t.Fatal(err)
			}
		})
		t.Log(tt.rule, got)
		assert.LessOrEqual(t, got, tt.most, tt.rule)
	}
}

// BenchmarkConfirm has the bare signature check beside it as the lower limit, and first sights:
// proofs whose key is not remembered.
func BenchmarkConfirm(b *testing.B) {
	for _, alg := range []string{"ES256", "EdDSA"} {
		key := jwkstest.NewKey(alg)
		c, r := measured(b, key, members{})
		jkt := jktOf(key)
		b.Run(alg, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := c.Proof(r).Confirm(context.Background(), longToken, jkt); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(alg+" bare", func(b *testing.B) {
			b.ReportAllocs()
			dot := strings.LastIndexByte(r.Fields[0], '.')
			input := []byte(r.Fields[0][:dot])
			signature, err := base64.RawURLEncoding.DecodeString(r.Fields[0][dot+1:])
			require.NoError(b, err)
			for b.Loop() {
				if !bareVerify(key, input, signature) {
					b.Fatal("not verified")
				}
			}
		})
		b.Run(alg+" all but the signature", func(b *testing.B) {
			b.ReportAllocs()
			forged := r
			forged.Fields = []string{r.Fields[0][:strings.LastIndexByte(r.Fields[0], '.')+1] + "AAAA"}
			for b.Loop() {
				if err := c.Proof(forged).Confirm(context.Background(), longToken, jkt); err == nil {
					b.Fatal("confirmed")
				}
			}
		})
		b.Run(alg+" first sight", func(b *testing.B) {
			b.ReportAllocs()
			others := []dpop.Request{r, r}
			for n := range others {
				others[n].Fields = []string{jwkstest.Proof(key, http.MethodGet, apiURL, longToken, nil, jwkstest.Header("n", n))}
			}
			n := 0
			for b.Loop() {
				n++
				if err := c.Proof(others[n&1]).Confirm(context.Background(), longToken, jkt); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func bareVerify(key jwkstest.Key, input, signature []byte) bool {
	switch private := key.Private.(type) {
	case *ecdsa.PrivateKey:
		hash := sha256.Sum256(input)
		r, s := new(big.Int).SetBytes(signature[:32]), new(big.Int).SetBytes(signature[32:])
		return ecdsa.Verify(&private.PublicKey, hash[:], r, s)
	case ed25519.PrivateKey:
		return ed25519.Verify(private.Public().(ed25519.PublicKey), input, signature)
	}
	return false
}
