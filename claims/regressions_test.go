package claims_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/claims"
	"github.com/bearerguard/bearerguard/jwks"
)

// A regression is a published defect of another verifier: a token that it accepted, or that
// made it fail, and the reason for which Verifier refuses the token. source names the advisory
// and the library; the versions are in the advisory.
type regression struct {
	source, defect string
	token          string
	want           claims.Reason
}

func runRegressions(t *testing.T, issuer claims.Issuer, rows []regression) {
	t.Helper()
	var cases []verifyCase
	for _, row := range rows {
		cases = append(cases, verifyCase{row.source + ": " + row.defect, row.token, row.want})
	}
	runVerify(t, []claims.Issuer{issuer}, cases)
}

// The tokens that the hostile ones are made from are accepted, so each defect is the reason for
// its refusal.
func TestRegressionsStartFromGoodTokens(t *testing.T) {
	runRegressions(t, issuerOf(issuerKeys(t)), []regression{
		{"EdDSA", "none", sign(goodHeader, payload(nil)), ""},
		{"RS256", "none", rs256(`{"alg":"RS256","kid":"rsa"}`), ""},
	})
	secret := []byte("a secret of the test, and no other")
	keys, err := jwks.NewSecrets(jwks.Secret{Algorithm: "HS256", Value: secret})
	require.NoError(t, err)
	runRegressions(t, issuerOf(keys, "HS256"), []regression{{"HS256", "none", mac(`{"alg":"HS256"}`, secret), ""}})
}

func TestRegressionsUnsigned(t *testing.T) {
	good := strings.Split(token(nil), ".")
	runRegressions(t, issuerOf(issuerKeys(t)), []regression{
		{"CVE-2022-23540 (jsonwebtoken)", "alg none", unsigned(`{"alg":"none","typ":"JWT"}`), claims.ErrAlgorithm},
		{"CVE-2021-22160 (Apache Pulsar)", "alg none beside a kid", unsigned(`{"alg":"none","kid":"k1"}`), claims.ErrAlgorithm},
		{"Auth0 Authentication API, April 2020", "alg nonE", unsigned(`{"alg":"nonE"}`), claims.ErrAlgorithm},
		{"Auth0 Authentication API, April 2020", "alg None", unsigned(`{"alg":"None"}`), claims.ErrAlgorithm},
		{"Auth0 Authentication API, April 2020", "alg NONE", unsigned(`{"alg":"NONE"}`), claims.ErrAlgorithm},
		{"RFC 8725 section 2.1", "alg none, written with an escape", unsigned(`{"alg":"\u006eone"}`), claims.ErrAlgorithm},
		{"RFC 8725 section 2.1", "alg none over a good signature", header(`{"alg":"none","kid":"k1"}`), claims.ErrAlgorithm},
		{"RFC 8725 section 2.1", "alg empty", unsigned(`{"alg":""}`), claims.ErrMalformed},
		{"CVE-2018-1000531 (prime-jwt)", "no alg", unsigned(`{"typ":"JWT"}`), claims.ErrMalformed},
		{"CVE-2020-28042 (ServiceStack)", "signature cut off", good[0] + "." + good[1] + ".", claims.ErrMalformed},
		{"CVE-2020-28042 (ServiceStack)", "signature and dot cut off", good[0] + "." + good[1], claims.ErrMalformed},
	})
}

// confusions returns tokens whose MAC uses the issuer's public key as the secret. Each token uses
// one of the formats in which a program may hold the key.
func confusions() []regression {
	public := &issuerRSA().PublicKey
	ed := signer.Public().(ed25519.PublicKey)
	point := must(issuerEC().PublicKey.Bytes())
	jwk := `{"kty":"RSA","kid":"rsa","n":"` + encode(public.N.Bytes()) + `","e":"AQAB"}`
	pkix, rsaHeader := pkixPEM(public), `{"alg":"HS256","kid":"rsa"}`
	return []regression{
		{"CVE-2016-10555 (jwt-simple)", "PEM", mac(rsaHeader, pkix), ""},
		{"CVE-2015-9235 (jsonwebtoken)", "PEM without its last line break", mac(rsaHeader, []byte(strings.TrimSpace(string(pkix)))), ""},
		{"CVE-2022-23541 (jsonwebtoken)", "PEM with CR LF", mac(rsaHeader, []byte(strings.ReplaceAll(string(pkix), "\n", "\r\n"))), ""},
		{"CVE-2026-34950 (fast-jwt)", "PEM after white space", mac(rsaHeader, append([]byte("\n "), pkix...)), ""},
		{"CVE-2017-11424 (PyJWT)", "PEM of PKCS #1", mac(rsaHeader, pkcs1PEM(public)), ""},
		{"CVE-2023-48223 (fast-jwt)", "PEM of PKCS #1 without its last line break", mac(rsaHeader, []byte(strings.TrimSpace(string(pkcs1PEM(public))))), ""},
		{"CVE-2022-29217 (PyJWT)", "OpenSSH, Ed25519", mac(`{"alg":"HS256","kid":"k1"}`, openSSH("ssh-ed25519", ed)), ""},
		{"CVE-2024-33663 (python-jose)", "OpenSSH, ECDSA", mac(`{"alg":"HS256","kid":"ec"}`, openSSH("ecdsa-sha2-nistp256", []byte("nistp256"), point)), ""},
		{"CVE-2024-37568 (Authlib)", "PEM of an EC key", mac(`{"alg":"HS256","kid":"ec"}`, pkixPEM(&issuerEC().PublicKey)), ""},
		{"CVE-2016-5431 (php-jose)", "DER", mac(rsaHeader, must(x509.MarshalPKIXPublicKey(public))), ""},
		{"CVE-2026-48526 (PyJWT)", "JWK", mac(rsaHeader, []byte(jwk)), ""},
		{"CVE-2021-46743 (firebase/php-jwt)", "DER of PKCS #1, chosen by kid", mac(rsaHeader, x509.MarshalPKCS1PublicKey(public)), ""},
		{"RFC 8725 section 2.1", "modulus", mac(rsaHeader, public.N.Bytes()), ""},
		{"RFC 8725 section 2.1", "point", mac(`{"alg":"HS256","kid":"ec"}`, point), ""},
		{"RFC 8725 section 2.1", "the 32 bytes of Ed25519", mac(`{"alg":"HS256","kid":"k1"}`, ed), ""},
		{"CVE-2019-20933 (InfluxDB)", "the empty secret", mac(`{"alg":"HS256"}`, nil), ""},
	}
}

// By default, HMAC is not accepted (CVE-2020-15084, express-jwt). If HMAC is listed by mistake, a
// public key must still not be used as a secret.
func TestRegressionsPublicKeyAsSecret(t *testing.T) {
	for issuerName, tc := range map[string]struct {
		algorithms []string
		want       claims.Reason
	}{
		"by default":                   {nil, claims.ErrAlgorithm},
		"HS256 listed for public keys": {[]string{"HS256"}, claims.ErrUnknownKey},
	} {
		t.Run(issuerName, func(t *testing.T) {
			rows := confusions()
			for i := range rows {
				rows[i].want = tc.want
			}
			runRegressions(t, issuerOf(issuerKeys(t), tc.algorithms...), rows)
		})
	}
	t.Run("both kinds listed", func(t *testing.T) {
		_, err := claims.NewVerifier(claims.Config{Issuers: []claims.Issuer{issuerOf(issuerKeys(t), "RS256", "HS256")}})
		require.ErrorContains(t, err, "mixes HMAC with public-key algorithms")
	})
	t.Run("public keys configured as secrets", func(t *testing.T) {
		for _, value := range [][]byte{
			pkixPEM(&issuerRSA().PublicKey), pkcs1PEM(&issuerRSA().PublicKey), append([]byte("\n"), pkixPEM(signer.Public())...),
			must(x509.MarshalPKIXPublicKey(&issuerEC().PublicKey)), x509.MarshalPKCS1PublicKey(&issuerRSA().PublicKey),
			append([]byte(" "), pkixPEM(signer.Public())...), append([]byte("\ufeff"), pkixPEM(signer.Public())...),
			append([]byte(`"`), pkixPEM(signer.Public())...), bytes.ReplaceAll(pkixPEM(signer.Public()), []byte("\n"), []byte(`\n`)),
			bytes.ReplaceAll(pkixPEM(signer.Public()), []byte("\n"), nil),
			[]byte(base64.StdEncoding.EncodeToString(x509.MarshalPKCS1PublicKey(&issuerRSA().PublicKey))),
			append(x509.MarshalPKCS1PublicKey(&issuerRSA().PublicKey), '\n'), x509.MarshalPKCS1PrivateKey(issuerRSA()),
			must(x509.MarshalPKCS8PrivateKey(signer)), must(x509.MarshalECPrivateKey(issuerEC())),
			[]byte("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBExampleExampleExampleExampleExample1 a@example"),
			[]byte(`{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}`), []byte(` {"keys":[],"pad":"pad pad pad pad"}`),
		} {
			_, err := jwks.NewSecrets(jwks.Secret{Algorithm: "HS256", Value: value})
			assert.ErrorContains(t, err, "is no secret")
		}
	})
}

// CVE-2019-20933 (InfluxDB), CVE-2026-44351 (fast-jwt) and CVE-2026-45363 (ruby-jwt): a secret
// that was never set is empty, so an attacker knows it.
func TestRegressionsEmptySecret(t *testing.T) {
	for _, value := range [][]byte{nil, {}, []byte("secret"), make([]byte, 31)} {
		_, err := jwks.NewSecrets(jwks.Secret{Algorithm: "HS256", Value: value})
		assert.ErrorContains(t, err, "shorter than the hash")
	}
	runRegressions(t, issuerOf(new(jwks.Secrets), "HS256"), []regression{
		{"CVE-2026-44351 (fast-jwt)", "no secret at all", mac(`{"alg":"HS256"}`, nil), claims.ErrUnknownKey},
	})
}

// Keys come from the issuer, never from the token (RFC 8725 section 3.10).
func TestRegressionsKeysInTheToken(t *testing.T) {
	public := attacker.Public().(ed25519.PublicKey)
	jwk := `{"kty":"OKP","crv":"Ed25519","kid":"k1","use":"sig","x":"` + encode(public) + `"}`
	certificate := must(x509.CreateCertificate(nil, &x509.Certificate{SerialNumber: big.NewInt(1)},
		&x509.Certificate{SerialNumber: big.NewInt(1)}, public, attacker))
	with := func(member string) string { return forged(`{"alg":"EdDSA","kid":"k1",` + member + `}`) }
	runRegressions(t, issuerOf(issuerKeys(t)), []regression{
		{"CVE-2018-0114 (node-jose)", "jwk", with(`"jwk":` + jwk), claims.ErrSignature},
		{"CVE-2018-0114 (node-jose)", "jwk without kid", forged(`{"alg":"EdDSA","jwk":` + jwk + `}`), claims.ErrSignature},
		{"CVE-2018-0114 (node-jose)", "jwk with another kid", forged(`{"alg":"EdDSA","kid":"k9","jwk":` + jwk + `}`), claims.ErrUnknownKey},
		{"CVE-2024-21643 (IdentityModel)", "jku", with(`"jku":"http://127.0.0.1/jwks.json"`), claims.ErrSignature},
		{"CVE-2024-21643 (IdentityModel)", "jku of a file", with(`"jku":"file:///etc/passwd"`), claims.ErrSignature},
		{"RFC 8725 section 3.10", "x5u", with(`"x5u":"http://127.0.0.1/cert.pem"`), claims.ErrSignature},
		{"RFC 8725 section 3.10", "x5c", with(`"x5c":["` + base64.StdEncoding.EncodeToString(certificate) + `"]`), claims.ErrSignature},
		{"RFC 8725 section 3.10", "kid as a path", mac(`{"alg":"HS256","kid":"../../../../dev/null"}`, nil), claims.ErrAlgorithm},
		{"RFC 8725 section 3.10", "kid as a path, with a public-key alg", forged(`{"alg":"EdDSA","kid":"../../../../dev/null"}`), claims.ErrUnknownKey},
		{"RFC 8725 section 3.10", "kid as SQL", forged(`{"alg":"EdDSA","kid":"x' UNION SELECT 'k1"}`), claims.ErrUnknownKey},
		{"RFC 8725 section 3.10", "kid as a command", forged(`{"alg":"EdDSA","kid":"k1|sleep 10"}`), claims.ErrUnknownKey},
		{"RFC 8725 section 3.10", "kid as a URL", forged(`{"alg":"EdDSA","kid":"http://127.0.0.1/"}`), claims.ErrUnknownKey},
	})
}

func TestRegressionsSignatures(t *testing.T) {
	n := elliptic.P256().Params().N
	zero, one := new(big.Int), big.NewInt(1)
	const ec = `{"alg":"ES256","kid":"ec"}`
	runRegressions(t, issuerOf(issuerKeys(t)), []regression{
		{"CVE-2022-21449 (Java)", "r and s are zero", es256(ec, zero, zero), claims.ErrSignature},
		{"CVE-2022-21449 (Java)", "r and s are the order", es256(ec, n, n), claims.ErrSignature},
		{"CVE-2022-21449 (Java)", "r is zero", es256(ec, zero, one), claims.ErrSignature},
		{"CVE-2022-21449 (Java)", "s is zero", es256(ec, one, zero), claims.ErrSignature},
		{"RFC 7518 section 3.4", "a good ECDSA signature in DER", es256DER(ec), claims.ErrSignature},
		{"CVE-2022-23539 (jsonwebtoken)", "RS256 for a key on a curve", strings.Replace(es256(ec, one, one), b64(ec), b64(`{"alg":"RS256","kid":"ec"}`), 1), claims.ErrUnknownKey},
		{"CVE-2022-23539 (jsonwebtoken)", "ES256 for an RSA key", es256(`{"alg":"ES256","kid":"rsa"}`, one, one), claims.ErrUnknownKey},
		{"RFC 8725 section 3.1", "PS256 over a good RS256 signature", input(`{"alg":"PS256","kid":"rsa"}`) + rs256(`{"alg":"RS256","kid":"rsa"}`)[strings.LastIndexByte(rs256(`{"alg":"RS256","kid":"rsa"}`), '.'):], claims.ErrSignature},
		{"CVE-2022-25898 (jsrsasign)", "characters that a lax decoder skips", token(nil) + "%", claims.ErrMalformed},
		{"CVE-2022-25898 (jsrsasign)", "escapes that a lax decoder skips", strings.Replace(token(nil), ".", ".\\x00", 2), claims.ErrMalformed},
	})
}

// CVE-2006-4339 (OpenSSL), CVE-2016-1494 (python-rsa), CVE-2021-30246 (jsrsasign): with the
// exponent 3, a verifier that does not check all of the padding accepts signatures made without
// the private key.
func TestRegressionsCubeRootForgery(t *testing.T) {
	modulus := new(big.Int).SetBit(new(big.Int).Set(issuerRSA().N), 2047, 1)
	keys, err := jwks.StaticKeys(jwks.PublicKey{Key: &rsa.PublicKey{N: modulus, E: 3}})
	require.NoError(t, err)
	signingInput := input(`{"alg":"RS256"}`)
	runRegressions(t, issuerOf(keys), []regression{
		{"CVE-2006-4339 (OpenSSL)", "garbage after the hash", signingInput + "." + encode(cubeRootForgery(signingInput)), claims.ErrSignature},
	})
}

// keySetFunc is a KeySet whose keys a test can change.
type keySetFunc func() []claims.Key

func (f keySetFunc) Keys(context.Context, string, string) ([]claims.Key, error) {
	if keys := f(); len(keys) > 0 {
		return keys, nil
	}
	return nil, claims.ErrUnknownKey
}

// A cached token must be refused once its key is withdrawn (RFC 7517 section 5). A cache that
// answers before the key set is asked would accept it until it expires.
func TestRegressionsCachedTokenOutlivesItsKey(t *testing.T) {
	good := []claims.Key{keyOf(signer)}
	keys := good
	at := now
	v, err := claims.NewVerifier(claims.Config{
		Issuers: []claims.Issuer{issuerOf(keySetFunc(func() []claims.Key { return keys }))},
		Now:     func() time.Time { return at },
	})
	require.NoError(t, err)
	accepted := token(nil)
	for range 2 {
		_, err = v.Verify(t.Context(), accepted)
		require.NoError(t, err)
	}
	keys = []claims.Key{keyOf(attacker)}
	_, err = v.Verify(t.Context(), accepted)
	requireReason(t, claims.ErrSignature, err)
	keys = nil
	_, err = v.Verify(t.Context(), accepted)
	requireReason(t, claims.ErrUnknownKey, err)
	keys = good
	_, err = v.Verify(t.Context(), accepted)
	require.NoError(t, err)
	at = now.Add(2 * goodFor)
	_, err = v.Verify(t.Context(), accepted)
	requireReason(t, claims.ErrExpired, err)
}

// CVE-2026-35039 (fast-jwt): cache keys collided, and one caller got the claims of another.
func TestRegressionsCacheConfusion(t *testing.T) {
	v := newVerifier(t, goodIssuer())
	long := strings.Repeat("a", 4000)
	alice, bob := token(members{"sub": `"alice"`, "a": `"` + long + `"`}), token(members{"sub": `"bob"`, "a": `"` + long + `"`})
	require.Equal(t, alice[:4000], bob[:4000], "the tokens must differ only at their ends")
	require.Len(t, bob, len(alice)-3)
	for range 2 {
		for subject, text := range map[string]string{"alice": alice, "bob": bob} {
			c, err := v.Verify(t.Context(), text)
			require.NoError(t, err)
			assert.Equal(t, subject, c.Subject())
		}
	}
	// The same header and payload as a cached token, with another signature.
	stolen := alice[:strings.LastIndexByte(alice, '.')] + bob[strings.LastIndexByte(bob, '.'):]
	_, err := v.Verify(t.Context(), stolen)
	requireReason(t, claims.ErrSignature, err)
}
