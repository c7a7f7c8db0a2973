package jwks_test

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"strings"

	"github.com/bearerguard/bearerguard/claims"
	"github.com/bearerguard/bearerguard/jwks"
)

// The key and the message of RFC 8037 appendix A.
const (
	exampleDocument = `{"keys": [
		{"kty": "OKP", "crv": "Ed25519", "kid": "2026-01", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"},
		{"kty": "AKP", "kid": "post-quantum", "alg": "ML-DSA-65", "pub": "AA"}
	]}`
	exampleInput     = "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc"
	exampleSignature = "\x86\x0c\x98\xd2\x29\x7f\x30\x60\xa3\x3f\x42\x73\x96\x72\xd6\x1b\x53\xcf\x3a\xde\xfe\xd3\xd3\xc6\x72\xf3\x20\xdc\x02\x1b\x41\x1e\x9d\x59\xb8\x62\x8d\xc3\x51\xe2\x48\xb8\x8b\x29\x46\x8e\x0e\x41\x85\x5b\x0f\xb7\xd8\x3b\xb1\x5b\xe9\x02\xbf\xcc\xb8\xcd\x0a\x02"
)

// A key set from a file: the key beside the good one cannot be used, and is skipped.
func ExampleNewStatic() {
	static, err := jwks.NewStatic([]byte(exampleDocument))
	if err != nil {
		fmt.Println(err)
		return
	}
	keys, err := static.Keys(context.Background(), "EdDSA", "2026-01")
	fmt.Println(len(keys), err)
	fmt.Println(keys[0].Verify([]byte(exampleInput), []byte(exampleSignature)))
	fmt.Println(keys[0].Verify([]byte("something else"), []byte(exampleSignature)))

	_, err = static.Keys(context.Background(), "RS256", "2026-01")
	fmt.Println(errors.Is(err, claims.ErrUnknownKey))
	// Output:
	// 1 <nil>
	// <nil>
	// claims: signature is invalid
	// true
}

// The bundle of a SPIFFE trust domain. Only its jwt-svid keys verify tokens; the others are for
// certificates.
func ExampleStaticSPIFFEBundle() {
	static, err := jwks.StaticSPIFFEBundle([]byte(`{"spiffe_sequence": 1, "keys": [
		{"kty": "EC", "use": "x509-svid", "crv": "P-256", "x5c": ["MIIB..."],
			"x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU", "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"},
		{"kty": "EC", "use": "jwt-svid", "kid": "C6vs25we", "crv": "P-256",
			"x": "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4", "y": "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM"}
	]}`))
	if err != nil {
		fmt.Println(err)
		return
	}
	keys, err := static.Keys(context.Background(), "ES256", "C6vs25we")
	fmt.Println(len(keys), err)
	// Output: 1 <nil>
}

// Keys that the program has as Go values or as PEM, with the kid that the issuer's
// tokens name.
func ExampleStaticKeys() {
	private := ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize)) // the issuer's
	static, err := jwks.StaticKeys(
		jwks.PublicKey{KeyID: "2026-01", Key: private.Public()},
		jwks.PublicKey{KeyID: "2026-02", Algorithm: "ES256", PEM: []byte(`
-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEf83OJ3D2xF1Bg8vub9tLe1gHMzV7
6e8Tus9uPHvRVEXH8UTNG72bfocs3+257rn0s2ldbqkLJK2KRiMohYjlrQ==
-----END PUBLIC KEY-----`)})
	if err != nil {
		fmt.Println(err)
		return
	}
	keys, _ := static.Keys(context.Background(), "EdDSA", "2026-01")
	fmt.Println(keys[0].Verify([]byte("header.payload"), ed25519.Sign(private, []byte("header.payload"))))
	keys, _ = static.Keys(context.Background(), "ES256", "2026-02")
	fmt.Println(len(keys))
	// Output:
	// <nil>
	// 1
}

// A common mistake: a private key in place of the public one. All mistakes are reported
// together.
func ExampleStaticKeys_mistakes() {
	private := ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize))
	_, err := jwks.StaticKeys(
		jwks.PublicKey{KeyID: "2026-01", Key: private},
		jwks.PublicKey{KeyID: "2026-02", Key: private.Public(), Algorithm: "RS256"})
	fmt.Println(err)
	// Output:
	// jwks: PublicKey 0 (KeyID "2026-01", Algorithm ""): a private key: give the public one
	// jwks: PublicKey 1 (KeyID "2026-02", Algorithm "RS256"): alg does not fit the key
}

// An issuer that signs with a shared secret. Printing it does not show it.
func ExampleNewSecrets() {
	secret := jwks.Secret{Algorithm: "HS256", Value: []byte(strings.Repeat("not so random ", 3))}
	secrets, err := jwks.NewSecrets(secret)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(secret)
	keys, err := secrets.Keys(context.Background(), "HS256", "")
	fmt.Println(len(keys), err)
	_, err = secrets.Keys(context.Background(), "RS256", "")
	fmt.Println(errors.Is(err, claims.ErrUnknownKey))
	// Output:
	// jwks.Secret(redacted)
	// 1 <nil>
	// true
}
