package claims_test

import (
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"strconv"
	"strings"
	"testing"
)

// auth0Payload has the shape and length of a client-credentials token of Auth0.
var auth0Payload = payload(members{
	"sub": `"kD9NyMp1XoXLwQmPYBx2yUvGYDdUCFqR@clients"`, "azp": `"kD9NyMp1XoXLwQmPYBx2yUvGYDdUCFqR"`,
	"gty": `"client-credentials"`, "iat": `1893553445`, "org_id": `"org_9ybsU1dN2dKfDkBi"`, "jti": `"a0b1c2d3e4f5"`,
	"scope": `"read:timesheets write:timesheets delete:timesheets read:reports write:reports"`,
})

// BenchmarkSignatureCheck is the limit: no verifier can be faster than the bare check.
func BenchmarkSignatureCheck(b *testing.B) {
	token := sign(goodHeader, auth0Payload)
	dot := strings.LastIndexByte(token, '.')
	input, public := []byte(token[:dot]), signer.Public().(ed25519.PublicKey)
	signature, _ := base64.RawURLEncoding.DecodeString(token[dot+1:])
	b.ReportAllocs()
	for b.Loop() {
		if !ed25519.Verify(public, input, signature) {
			b.Fatal("bad signature")
		}
	}
}

func BenchmarkVerify(b *testing.B) {
	for name, token := range map[string]string{
		"first sight":      sign(goodHeader, auth0Payload),
		"refused/iss":      token(members{"iss": `"https://evil.example/"`}),
		"refused/aud":      token(members{"aud": `"https://other.example"`}),
		"refused/exp":      token(members{"exp": `1`}),
		"refused/alg":      header(`{"alg":"HS256","kid":"k1"}`),
		"refused/segments": strings.Repeat("a.b", 300),
		"refused/64KiB":    strings.Repeat("a", 64<<10),
	} {
		b.Run(name, func(b *testing.B) {
			v := verifierWith(b, -1, goodIssuer())
			b.ReportAllocs()
			for b.Loop() {
				_, _ = v.Verify(context.Background(), token)
			}
		})
	}
	b.Run("seen before", func(b *testing.B) {
		v, token := verifierWith(b, 0, goodIssuer()), sign(goodHeader, auth0Payload)
		b.ReportAllocs()
		for b.Loop() {
			if _, err := v.Verify(context.Background(), token); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("seen before, 5,000 tokens in turn", func(b *testing.B) {
		v, tokens, n := verifierWith(b, 0, goodIssuer()), make([]string, 5000), 0
		for n := range tokens {
			tokens[n] = token(members{"jti": `"` + strconv.Itoa(n) + `"`})
			_, _ = v.Verify(context.Background(), tokens[n])
		}
		b.ReportAllocs()
		for b.Loop() {
			n = (n + 1789) % len(tokens)
			if _, err := v.Verify(context.Background(), tokens[n]); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("seen before, parallel", func(b *testing.B) {
		v, token := verifierWith(b, 0, goodIssuer()), sign(goodHeader, auth0Payload)
		b.ReportAllocs()
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				if _, err := v.Verify(context.Background(), token); err != nil {
					b.Error(err)
				}
			}
		})
	})
}

// BenchmarkClaim measures what a policy on roles adds to a request.
func BenchmarkClaim(b *testing.B) {
	c := parse(b, payload(members{
		"azp": `"app"`, "gty": `"password"`, "iat": `1`, "jti": `"a0b1c2d3e4f5"`,
		"permissions":     `["read:timesheets","write:timesheets","delete:timesheets","read:reports","write:reports"]`,
		"resource_access": `{"account":{"roles":["manage-account","view-profile"]}}`,
		"realm_access":    `{"roles":["offline_access","uma_authorization","default-roles-demo","auditor"]}`,
	}))
	for name, read := range map[string]func(){
		"HasString, flat":   func() { c.HasString("write:reports", "permissions") },
		"HasString, nested": func() { c.HasString("auditor", "realm_access", "roles") },
		"Strings, flat":     func() { c.Strings("permissions") },
		"Scopes":            func() { c.Scopes() },
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				read()
			}
		})
	}
}
