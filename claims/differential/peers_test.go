package differential_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
	josejwt "github.com/go-jose/go-jose/v4/jwt"
	"github.com/golang-jwt/jwt/v5"

	"github.com/bearerguard/bearerguard/claims"
	"github.com/bearerguard/bearerguard/jwks"
)

const (
	issuerURL = "https://issuer.example/"
	audience  = "https://api.example"
	leeway    = 5 * time.Second
)

var now = time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)

// The issuer's keys by kid.
var (
	edKey  = ed25519.NewKeyFromSeed([]byte("a seed of thirty-two bytes, fine"))
	ecKey  = sync.OnceValue(func() *ecdsa.PrivateKey { return must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader)) })
	rsaKey = sync.OnceValue(func() *rsa.PrivateKey { return must(rsa.GenerateKey(rand.Reader, 2048)) })
	public = sync.OnceValue(func() map[string]crypto.PublicKey {
		return map[string]crypto.PublicKey{"k1": edKey.Public(), "ec": ecKey().Public(), "rsa": rsaKey().Public()}
	})
)

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// An outcome is what a verifier returns for a token: all claims, and the claims that it
// interprets.
type outcome struct {
	all                    map[string]any
	issuer, subject, id    string
	audience               []string
	expires, before, issue int64 // exp, nbf and iat, in whole seconds, 0 if absent
}

// A peer is another verifier, set up as its documentation advises and as strictly as possible. It
// has the same issuer, audience, keys, algorithms, clock and leeway as ours.
type peer struct {
	name   string
	verify func(token string) (outcome, error)
}

var peers = []peer{{"golang-jwt", golangJWT}, {"go-jose", goJOSE}}

var ours = sync.OnceValue(func() *claims.Verifier {
	var keys []jwks.PublicKey
	for kid, key := range public() {
		keys = append(keys, jwks.PublicKey{KeyID: kid, Key: key})
	}
	return must(claims.NewVerifier(claims.Config{
		Issuers: []claims.Issuer{{
			URL: issuerURL, Audiences: []string{audience}, Keys: must(jwks.StaticKeys(keys...)), Leeway: leeway,
		}},
		Now: func() time.Time { return now },
	}))
})

func verifyOurs(token string) (*claims.Claims, outcome, error) {
	c, err := ours().Verify(context.Background(), token)
	if err != nil {
		return nil, outcome{}, err
	}
	o := outcome{
		issuer: c.Issuer(), subject: c.Subject(), id: c.ID(), audience: c.Audience(),
		expires: seconds(c.ExpiresAt()), before: seconds(c.NotBefore()), issue: seconds(c.IssuedAt()),
	}
	o.all, err = claims.As[map[string]any](c)
	return c, o, err
}

func seconds(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.Unix()
}

var errKid = errors.New("no key for this kid")

// keysFor returns the candidates for a kid, or all keys if kid is empty.
func keysFor(kid string) ([]crypto.PublicKey, error) {
	if kid == "" {
		return []crypto.PublicKey{public()["k1"], public()["ec"], public()["rsa"]}, nil
	}
	key, ok := public()[kid]
	if !ok {
		return nil, errKid
	}
	return []crypto.PublicKey{key}, nil
}

var golangJWTParser = sync.OnceValue(func() *jwt.Parser {
	return jwt.NewParser(
		jwt.WithValidMethods([]string{
			"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA",
		}),
		jwt.WithIssuer(issuerURL), jwt.WithAudience(audience), jwt.WithExpirationRequired(), jwt.WithLeeway(leeway),
		jwt.WithStrictDecoding(), jwt.WithTimeFunc(func() time.Time { return now }),
	)
})

func golangJWT(token string) (outcome, error) {
	all := jwt.MapClaims{}
	_, err := golangJWTParser().ParseWithClaims(token, all, func(t *jwt.Token) (any, error) {
		kid, ok := t.Header["kid"].(string)
		if _, present := t.Header["kid"]; present && !ok {
			return nil, errKid
		}
		keys, err := keysFor(kid)
		if err != nil {
			return nil, err
		}
		set := jwt.VerificationKeySet{}
		for _, key := range keys {
			set.Keys = append(set.Keys, key)
		}
		return set, nil
	})
	if err != nil {
		return outcome{}, err
	}
	o := outcome{all: all}
	o.issuer, _ = all.GetIssuer()
	o.subject, _ = all.GetSubject()
	o.id, _ = all["jti"].(string)
	o.audience, _ = all.GetAudience()
	for target, get := range map[*int64]func() (*jwt.NumericDate, error){
		&o.expires: all.GetExpirationTime, &o.before: all.GetNotBefore, &o.issue: all.GetIssuedAt,
	} {
		if date, err := get(); err == nil && date != nil {
			*target = date.Unix()
		}
	}
	return o, nil
}

var joseAlgorithms = []jose.SignatureAlgorithm{
	jose.RS256, jose.RS384, jose.RS512, jose.PS256, jose.PS384, jose.PS512, jose.ES256, jose.ES384, jose.ES512, jose.EdDSA,
}

func goJOSE(token string) (outcome, error) {
	parsed, err := josejwt.ParseSigned(token, joseAlgorithms)
	if err != nil {
		return outcome{}, err
	}
	keys, err := keysFor(parsed.Headers[0].KeyID)
	if err != nil {
		return outcome{}, err
	}
	signedBy := slices.IndexFunc(keys, func(key crypto.PublicKey) bool { return parsed.Claims(key) == nil })
	if signedBy < 0 {
		return outcome{}, jose.ErrCryptoFailure
	}
	var known josejwt.Claims
	var all map[string]any
	if err := parsed.Claims(keys[signedBy], &known, &all); err != nil {
		return outcome{}, err
	}
	err = known.ValidateWithLeeway(josejwt.Expected{
		Issuer: issuerURL, AnyAudience: josejwt.Audience{audience}, Time: now,
	}, leeway)
	if err != nil {
		return outcome{}, err
	}
	return outcome{
		all: all, issuer: known.Issuer, subject: known.Subject, id: known.ID, audience: known.Audience,
		expires: seconds(known.Expiry.Time()), before: seconds(known.NotBefore.Time()), issue: seconds(known.IssuedAt.Time()),
	}, nil
}
