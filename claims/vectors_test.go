package claims_test

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/claims"
	"github.com/bearerguard/bearerguard/jwks"
)

// Published messages and the keys to verify them. They are from RFC 7515 appendix A and RFC 7520
// section 4 (both May 2015), RFC 8037 appendix A (January 2017) and OpenID Connect Core 1.0 with
// errata set 2 appendix A (December 2023). That the verifier refuses them proves little, so the
// tests also check each signature with its key.
const (
	rfc7515HS256Key = "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow"
	rfc7520HS256Key = "hJtXIZ2uSN5kbQfbtTNWbpdmhkV8FJG-Onbc6mxCcYg"

	rfc7515RSA  = `{"kty":"RSA","e":"AQAB","n":"ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ"}`
	rfc7515P256 = `{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}`
	rfc7515P521 = `{"kty":"EC","crv":"P-521","x":"AekpBQ8ST8a8VcfVOTNl353vSrDCLLJXmPk06wTjxrrjcBpXp5EOnYG_NjFZ6OvLFV1jSfS9tsz4qUxcWceqwQGk","y":"ADSmRA43Z1DSNx_RvcLI87cdL07l6jQyyBXMoxVg_l2Th-x3S1WDhjDly79ajL4Kkd0AZMaZmh9ubmf63e3kyMj2"}`
	rfc7520RSA  = `{"kty":"RSA","kid":"bilbo.baggins@hobbiton.example","use":"sig","e":"AQAB","n":"n4EPtAOCc9AlkeQHPzHStgAbgs7bTZLwUBZdR8_KuKPEHLd4rHVTeT-O-XV2jRojdNhxJWTDvNd7nqQ0VEiZQHz_AJmSCpMaJMRBSFKrKb2wqVwGU_NsYOYL-QtiWN2lbzcEe6XC0dApr5ydQLrHqkHHig3RBordaZ6Aj-oBHqFEHYpPe7Tpe-OfVfHd1E6cS6M1FZcD1NNLYD5lFHpPI9bTwJlsde3uhGqC0ZCuEHg8lhzwOHrtIQbS0FVbb9k3-tVTU4fg_3L_vniUFAKwuCLqKnS2BYwdq_mzSnbLY7h_qixoR7jig3__kRhuaxwUkRz5iaiQkqgc5gHdrNP5zw"}`
	rfc7520P521 = `{"kty":"EC","kid":"bilbo.baggins@hobbiton.example","use":"sig","crv":"P-521","x":"AHKZLLOsCOzz5cY97ewNUajB957y-C-U88c3v13nmGZx6sYl_oJXu9A5RkTKqjqvjyekWF-7ytDyRXYgCF5cj0Kt","y":"AdymlHvOiLxXkEhayXQnNCvDX4h9htZaCJN34kfmC6pV5OhQHiraVySsUdaQkAgDPrwQrJmbnX9cwlGfP-HqHZR1"}`
	rfc8037Key  = `{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}`
	oidcCoreKey = `{"kty":"RSA","kid":"1e9gdk7","e":"AQAB","n":"w7Zdfmece8iaB0kiTY8pCtiBtzbptJmP28nSWwtdjRu0f2GFpajvWE4VhfJAjEsOcwYzay7XGN0b-X84BfC8hmCTOj2b2eHT7NsZegFPKRUQzJ9wW8ipn_aDJWMGDuB1XyqT1E7DYqjUCEOD1b4FLpy_xPn6oV_TYOfQ9fZdbE5HGxJUzekuGcOKqOQ8M7wfYHhHHLxGpQVgL0apWuP2gDDOdTtpuld4D2LK1MZK99s9gaSjRHE8JDb1Z4IGhEcEyzkxswVdPndUWzfvWBBWXWxtSUvQGBRkuy1BHOa4sP6FKjWEeeF7gm7UMs2Nm2QUgNZw6xvEDGaLk4KASdIxRQ"}`

	rfc7515Payload = "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ"
	rfc7520Payload = "SXTigJlzIGEgZGFuZ2Vyb3VzIGJ1c2luZXNzLCBGcm9kbywgZ29pbmcgb3V0IHlvdXIgZG9vci4gWW91IHN0ZXAgb250byB0aGUgcm9hZCwgYW5kIGlmIHlvdSBkb24ndCBrZWVwIHlvdXIgZmVldCwgdGhlcmXigJlzIG5vIGtub3dpbmcgd2hlcmUgeW91IG1pZ2h0IGJlIHN3ZXB0IG9mZiB0by4"

	rfc7515A1 = "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9." + rfc7515Payload + ".dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
	rfc7515A2 = "eyJhbGciOiJSUzI1NiJ9." + rfc7515Payload + "." + rfc7515A2Signature
	rfc7515A3 = "eyJhbGciOiJFUzI1NiJ9." + rfc7515Payload + "." + rfc7515A3Signature
	rfc7515A4 = "eyJhbGciOiJFUzUxMiJ9.UGF5bG9hZA.AdwMgeerwtHoh-l192l60hp9wAHZFVJbLfD_UxMi70cwnZOYaRI1bKPWROc-mZZqwqT2SI-KGDKB34XO0aw_7XdtAG8GaSwFKdCAPZgoXD2YBJZCPEX3xKpRwcdOO8KpEHwJjyqOgzDO7iKvU8vcnwNrmxYbSW9ERBXukOXolLzeO_Jn"

	rfc7515A2Signature = "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw"
	rfc7515A3Signature = "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q"
	// The first two sign the payload with the headers {"alg":"RS256"} and {"alg":"HS256"}, the
	// next two sign it without a protected header.
	rfc7520RS256Signature  = "MIsjqtVlOpa71KE-Mss8_Nq2YH4FGhiocsqrgi5NvyG53uoimic1tcMdSg-qptrzZc7CG6Svw2Y13TDIqHzTUrL_lR2ZFcryNFiHkSw129EghGpwkpxaTn_THJTCglNbADko1MZBCdwzJxwqZc-1RlpO2HibUYyXSwO97BSe0_evZKdjvvKSgsIqjytKSeAMbhMBdMma622_BG5t4sdbuCHtFjp9iJmkio47AIwqkZV1aIZsv33uPUqBBCXbYoQJwt7mxPftHmNlGoOSMxR_3thmXTCm4US-xiNOyhbm8afKK64jU6_TPtQHiJeQJxz9G3Tx-083B745_AfYOnlC9w"
	rfc7520HS256Signature  = "bWUSVaxorn7bEF1djytBd0kHv70Ly5pvbomzMWSOr20"
	rfc7520ContentOnlyMAC  = "xuLifqLGiblpv9zBpuZczWhNj1gARaLV3UxvxhJxZuk"
	rfc7520ContentOnlyES   = "ARcVLnaJJaUWG8fG-8t5BREVAuTY8n8YHjwDO1muhcdCoFZFFjfISu0Cdkn9Ybdlmi54ho0x924DUz8sK7ZXkhc7AFM8ObLfTvNCrqcI3Jkl2U5IX3utNhODH6v7xgy1Qahsn0fyb4zSAkje8bAWz4vIfj5pCMYxxm4fgV3q7ZYhm5eD"
	rfc7520HS256Header     = "eyJhbGciOiJIUzI1NiIsImtpZCI6IjAxOGMwYWU1LTRkOWItNDcxYi1iZmQ2LWVlZjMxNGJjNzAzNyJ9"
	rfc7520HS256HeaderMAC  = "s0h6KThzkfBBBkLspW1h84VsJZFTsPPqMDA7g1Md7p0"
	rfc7520HS256KeyID      = "018c0ae5-4d9b-471b-bfd6-eef314bc7037"
	rfc7520RS256WithKeyID  = "eyJhbGciOiJSUzI1NiIsImtpZCI6ImJpbGJvLmJhZ2dpbnNAaG9iYml0b24uZXhhbXBsZSJ9." + rfc7520Payload + ".MRjdkly7_-oTPTS3AXP41iQIGKa80A0ZmTuV5MEaHoxnW2e5CZ5NlKtainoFmKZopdHM1O2U4mwzJdQx996ivp83xuglII7PNDi84wnB-BDkoBwA78185hX-Es4JIwmDLJK3lfWRa-XtL0RnltuYv746iYTh_qHRD68BNt1uSNCrUCTJDt5aAE6x8wW1Kt9eRo4QPocSadnHXFxnt8Is9UzpERV0ePPQdLuW3IS_de3xyIrDaLGdjluPxUAhb6L2aXic1U12podGU0KLUQSE_oI-ZnmKJ3F4uOZDnd6QZWJushZ41Axf_fcIe8u9ipH84ogoree7vjbU5y18kDquDg"
	rfc7520PS384WithKeyID  = "eyJhbGciOiJQUzM4NCIsImtpZCI6ImJpbGJvLmJhZ2dpbnNAaG9iYml0b24uZXhhbXBsZSJ9." + rfc7520Payload + ".cu22eBqkYDKgIlTpzDXGvaFfz6WGoz7fUDcfT0kkOy42miAh2qyBzk1xEsnk2IpN6-tPid6VrklHkqsGqDqHCdP6O8TTB5dDDItllVo6_1OLPpcbUrhiUSMxbbXUvdvWXzg-UD8biiReQFlfz28zGWVsdiNAUf8ZnyPEgVFn442ZdNqiVJRmBqrYRXe8P_ijQ7p8Vdz0TTrxUeT3lm8d9shnr2lfJT8ImUjvAA2Xez2Mlp8cBE5awDzT0qI0n6uiP1aCN_2_jLAeQTlqRHtfa64QQSUmFAAjVKPbByi7xho0uTOcbH510a6GYmJUAfmWjwZ6oD4ifKo8DYM-X72Eaw"
	rfc7520ES512WithKeyID  = "eyJhbGciOiJFUzUxMiIsImtpZCI6ImJpbGJvLmJhZ2dpbnNAaG9iYml0b24uZXhhbXBsZSJ9." + rfc7520Payload + ".AE_R_YZCChjn4791jSQCrdPZCNYqHXCTZH0-JZGYNlaAjP2kqaluUIIUnC9qvbu9Plon7KRTzoNEuT4Va2cmL1eJAQy3mtPBu_u_sDDyYjnAMDxXPn7XrT0lw-kvAD890jl8e2puQens_IEKBpHABlsbEPX6sFY8OcGDqoRuBomu9xQ2"
	rfc8037A4              = "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc.hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg"
	oidcCoreHeaderAndStart = "eyJraWQiOiIxZTlnZGs3IiwiYWxnIjoiUlMyNTYifQ.ewogImlzcyI6ICJodHRwczovL3NlcnZlci5leGFtcGxlLmNvbSIsCiAic3ViIjogIjI0ODI4OTc2MTAwMSIsCiAiYXVkIjogInM2QmhkUmtxdDMiLAogIm5vbmNlIjogIm4tMFM2X1d6QTJNaiIsCiAiZXhwIjogMTMxMTI4MTk3MCwKICJpYXQiOiAxMzExMjgwOTcwLAog"
	oidcCoreA2             = oidcCoreHeaderAndStart + "Im5hbWUiOiAiSmFuZSBEb2UiLAogImdpdmVuX25hbWUiOiAiSmFuZSIsCiAiZmFtaWx5X25hbWUiOiAiRG9lIiwKICJnZW5kZXIiOiAiZmVtYWxlIiwKICJiaXJ0aGRhdGUiOiAiMDAwMC0xMC0zMSIsCiAiZW1haWwiOiAiamFuZWRvZUBleGFtcGxlLmNvbSIsCiAicGljdHVyZSI6ICJodHRwOi8vZXhhbXBsZS5jb20vamFuZWRvZS9tZS5qcGciCn0.NTibBYW_ZoNHGm4ZrWCqYA9oJaxr1AVrJCze6FEcac4t_EOQiJFbD2nVEPkUXPuMshKjjTn7ESLIFUnfHq8UKTGibIC8uqrBgQAcUQFMeWeg-PkLvDTHk43Dn4_aNrxhmWwMNQfkjqx3wd2Fvta9j8yG2Qn790Gwb5psGcmBhqMJUUnFrGpyxQDhFIzzodmPokM7tnUxBNj-JuES_4CE-BvZICH4jKLp0TMu-WQsVst0ss-vY2RPdU1MzL59mq_eKk8Rv9XhxIr3WteA2ZlrgVyT0cwH3hlCnRUsLfHtIEb8k1Y_WaqKUu3DaKPxqRi6u0rN7RO2uZYPzC454xe-mg"
	oidcCoreA3             = oidcCoreHeaderAndStart + "ImF0X2hhc2giOiAiNzdRbVVQdGpQZnpXdEYyQW5wSzlSUSIKfQ.kdqTmftlaXg5WBYBr1wkxhkqCGZPc0k8vTiV5g2jj67jQ7XkrDamYx2bOkZLdZrpMPIzkdYB1nZI_G8vQGQuamRhJcEIt21kblGPZ-yhEhdkAiZIZLu38rChalDS2Mh0glE_rke5XXRhmqqoEFFdziFdnO3p61-7y51co84OEAZvARSINQaOWIzvioRfs4zwIFOaT33Vpxfqr8HDyh31zo9eBW2dSQuCa071z0ENWChWoPliK1JCo_Bk9eDg2uwo2ZwhsvHzj6TMQ0lYOTzufSlSmXIKfjlOsb3nftQeR697_hA-nMZyAdL8_NRfaC37XnAbW8WB9wCfECp7cuNuOg"
	oidcCoreA4             = oidcCoreHeaderAndStart + "ImNfaGFzaCI6ICJMRGt0S2RvUWFrM1BrMGNuWHhDbHRBIgp9.MRPihYtNIcwKTZ_mcMSPfreVytGR4jfl1Tzbv4tH5Jr4WqONs2lUWrIEpZ2joKbZfAGlouAqwqSYpfR3FQYKYvdgnZ3kjIJ_5M4fAARXHVSciGyhfqB-OhDUMXSHzFHiGKNY9TKSgRfiXf_314WRujpqaDtj2uoXbppobYXvAZIxWtsOein0-t91LDS39EW4frNWAopKTBBi_XJPlpLVynWTDvNleEBP6UxIMgYJBKlqsP7RGfHTGk3ReXDacR7RGZlIVGa-0qRyDzvNqD7xfu9aYufUP0oBGqdBGgFVNmwJ7rmB0gdPtC2eJsXq9svCgBBfhRQZxhx1iLJjNc9nSw"
)

var publishedKeys = `{"keys":[` + strings.Join([]string{
	rfc7515RSA, rfc7515P256, rfc7515P521, rfc7520RSA, rfc7520P521, rfc8037Key, oidcCoreKey,
}, ",") + `]}`

// secretsOf returns a key set of one HS256 secret.
func secretsOf(t *testing.T, base64url string) claims.KeySet {
	t.Helper()
	value, err := base64.RawURLEncoding.DecodeString(base64url)
	require.NoError(t, err)
	secrets, err := jwks.NewSecrets(jwks.Secret{Algorithm: "HS256", Value: value})
	require.NoError(t, err)
	return secrets
}

// publishedVerifier returns a Verifier that trusts the issuers of the examples. Its clock returns
// at.
func publishedVerifier(t *testing.T, keys claims.KeySet, at time.Time, algorithms ...string) *claims.Verifier {
	t.Helper()
	v, err := claims.NewVerifier(claims.Config{
		Issuers: []claims.Issuer{
			{URL: "joe", Audiences: []string{"api"}, Keys: keys, Algorithms: algorithms},
			{URL: "https://server.example.com", Audiences: []string{"s6BhdRkqt3"}, Keys: keys, Algorithms: algorithms},
		},
		Now: func() time.Time { return at },
	})
	require.NoError(t, err)
	return v
}

// Each message has its published signature, and is refused because it is not an access token for
// the verifier's audience.
func TestPublishedMessages(t *testing.T) {
	public, err := jwks.NewStatic([]byte(publishedKeys))
	require.NoError(t, err)
	rfc7515Secret, rfc7520Secret := secretsOf(t, rfc7515HS256Key), secretsOf(t, rfc7520HS256Key)
	inTime := time.Unix(1300819380-1, 0) // the exp of RFC 7515, which is earlier than the one of OpenID Connect
	for _, tc := range []struct {
		source, token string
		keys          claims.KeySet
		alg, kid      string
		want          claims.Reason
	}{
		{"RFC 7515 A.1, HS256: no aud", rfc7515A1, rfc7515Secret, "HS256", "", claims.ErrMissingClaim},
		{"RFC 7515 A.2, RS256: no aud", rfc7515A2, public, "RS256", "", claims.ErrMissingClaim},
		{"RFC 7515 A.3, ES256: no aud", rfc7515A3, public, "ES256", "", claims.ErrMissingClaim},
		{"RFC 7515 A.4, ES512: no claims", rfc7515A4, public, "ES512", "", claims.ErrMalformed},
		{"RFC 7520 4.1, RS256: no claims", rfc7520RS256WithKeyID, public, "RS256", "bilbo.baggins@hobbiton.example", claims.ErrMalformed},
		{"RFC 7520 4.2, PS384: no claims", rfc7520PS384WithKeyID, public, "PS384", "bilbo.baggins@hobbiton.example", claims.ErrMalformed},
		{"RFC 7520 4.3, ES512: no claims", rfc7520ES512WithKeyID, public, "ES512", "bilbo.baggins@hobbiton.example", claims.ErrMalformed},
		{"RFC 7520 4.4, HS256: no claims", rfc7520HS256Header + "." + rfc7520Payload + "." + rfc7520HS256HeaderMAC, rfc7520Secret, "HS256", rfc7520HS256KeyID, claims.ErrMalformed},
		{"RFC 8037 A.4, Ed25519: no claims", rfc8037A4, public, "EdDSA", "", claims.ErrMalformed},
		{"OpenID Connect A.2, ID token: nonce without scopes", oidcCoreA2, public, "RS256", "1e9gdk7", claims.ErrType},
		{"OpenID Connect A.3, ID token: at_hash", oidcCoreA3, public, "RS256", "1e9gdk7", claims.ErrType},
		{"OpenID Connect A.4, ID token: c_hash", oidcCoreA4, public, "RS256", "1e9gdk7", claims.ErrType},
	} {
		t.Run(tc.source, func(t *testing.T) {
			dot := strings.LastIndexByte(tc.token, '.')
			requireSignature(t, tc.keys, tc.alg, tc.kid, tc.token[:dot], tc.token[dot+1:])
			_, err := publishedVerifier(t, tc.keys, inTime, tc.alg).Verify(t.Context(), tc.token)
			requireReason(t, tc.want, err)
		})
	}
}

// requireSignature requires that exactly one key of the set verifies the signature. The key must
// not verify it for another message.
func requireSignature(t *testing.T, set claims.KeySet, alg, kid, input, signature string) {
	t.Helper()
	keys, err := set.Keys(context.Background(), alg, kid)
	require.NoError(t, err)
	decoded, err := base64.RawURLEncoding.DecodeString(signature)
	require.NoError(t, err)
	verified := 0
	for _, key := range keys {
		if key.Verify([]byte(input), decoded) == nil {
			verified++
			require.Error(t, key.Verify([]byte("x"+input), decoded))
		}
	}
	require.Equal(t, 1, verified, "keys that verify the signature")
}

func TestPublishedMessagesExpire(t *testing.T) {
	public, err := jwks.NewStatic([]byte(publishedKeys))
	require.NoError(t, err)
	v := publishedVerifier(t, public, time.Unix(1311281970+5, 0))
	for _, token := range []string{rfc7515A2, rfc7515A3} {
		_, err := v.Verify(t.Context(), token)
		requireReason(t, claims.ErrExpired, err)
	}
}

// RFC 7515 appendix A.5 is the same as the unsecured JWT of RFC 7519 section 6.1.
func TestPublishedUnsecuredToken(t *testing.T) {
	public, err := jwks.NewStatic([]byte(publishedKeys))
	require.NoError(t, err)
	_, err = publishedVerifier(t, public, now).Verify(t.Context(), "eyJhbGciOiJub25lIn0."+rfc7515Payload+".")
	requireReason(t, claims.ErrAlgorithm, err)
}

// Only the compact serialization is a JWT (RFC 7519 section 3). The general and the flattened
// JSON serializations and a detached payload are refused, even with good signatures.
func TestPublishedMessagesInOtherSerializations(t *testing.T) {
	public, err := jwks.NewStatic([]byte(publishedKeys))
	require.NoError(t, err)
	secret := secretsOf(t, rfc7520HS256Key)
	const bilbo = "bilbo.baggins@hobbiton.example"
	requireSignature(t, public, "RS256", bilbo, b64(`{"alg":"RS256"}`)+"."+rfc7520Payload, rfc7520RS256Signature)
	requireSignature(t, public, "ES512", bilbo, "."+rfc7520Payload, rfc7520ContentOnlyES)
	requireSignature(t, secret, "HS256", "", b64(`{"alg":"HS256"}`)+"."+rfc7520Payload, rfc7520HS256Signature)
	requireSignature(t, secret, "HS256", "", "."+rfc7520Payload, rfc7520ContentOnlyMAC)
	for source, message := range map[string]string{
		"RFC 7515 A.6, general":          general(rfc7515Payload, signed("eyJhbGciOiJSUzI1NiJ9", `{"kid":"2010-12-29"}`, rfc7515A2Signature), signed("eyJhbGciOiJFUzI1NiJ9", `{"kid":"e9bc097a-ce51-4036-9562-d2ade882db0d"}`, rfc7515A3Signature)),
		"RFC 7515 A.7, flattened":        flattened(rfc7515Payload, signed("eyJhbGciOiJFUzI1NiJ9", `{"kid":"e9bc097a-ce51-4036-9562-d2ade882db0d"}`, rfc7515A3Signature)),
		"RFC 7520 4.5, detached":         rfc7520HS256Header + ".." + rfc7520HS256HeaderMAC,
		"RFC 7520 4.6, general":          general(rfc7520Payload, signed("eyJhbGciOiJIUzI1NiJ9", `{"kid":"`+rfc7520HS256KeyID+`"}`, rfc7520HS256Signature)),
		"RFC 7520 4.6, flattened":        flattened(rfc7520Payload, signed("eyJhbGciOiJIUzI1NiJ9", `{"kid":"`+rfc7520HS256KeyID+`"}`, rfc7520HS256Signature)),
		"RFC 7520 4.7, content only":     general(rfc7520Payload, signed("", `{"alg":"HS256","kid":"`+rfc7520HS256KeyID+`"}`, rfc7520ContentOnlyMAC)),
		"RFC 7520 4.7, flattened":        flattened(rfc7520Payload, signed("", `{"alg":"HS256","kid":"`+rfc7520HS256KeyID+`"}`, rfc7520ContentOnlyMAC)),
		"RFC 7520 4.8, three signatures": general(rfc7520Payload, signed("eyJhbGciOiJSUzI1NiJ9", `{"kid":"`+bilbo+`"}`, rfc7520RS256Signature), signed("", `{"alg":"ES512","kid":"`+bilbo+`"}`, rfc7520ContentOnlyES), signed(rfc7520HS256Header, "", rfc7520HS256HeaderMAC)),
	} {
		for _, v := range []*claims.Verifier{publishedVerifier(t, public, now), publishedVerifier(t, secret, now, "HS256")} {
			for _, text := range []string{message, b64(message)} {
				_, err := v.Verify(t.Context(), text)
				assert.ErrorIs(t, err, claims.ErrMalformed, source)
			}
		}
	}
}

// signed returns one signature of the JWS JSON serialization (RFC 7515 section 7.2.1), without
// braces.
func signed(protected, unprotected, signature string) string {
	var members []string
	if protected != "" {
		members = append(members, `"protected":"`+protected+`"`)
	}
	if unprotected != "" {
		members = append(members, `"header":`+unprotected)
	}
	return strings.Join(append(members, `"signature":"`+signature+`"`), ",")
}

func general(payload string, signatures ...string) string {
	return `{"payload":"` + payload + `","signatures":[{` + strings.Join(signatures, "},{") + `}]}`
}

func flattened(payload, signature string) string {
	return `{"payload":"` + payload + `",` + signature + `}`
}

// The example of RFC 9068 section 3 (October 2021), signed with a generated key.
func TestPublishedAccessToken(t *testing.T) {
	private, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	input := b64(`{"typ":"at+JWT","alg":"RS256","kid":"RjEwOwOA"}`) + "." + b64(`{
        "iss": "https://authorization-server.example.com/",
        "sub": "5ba552d67",
        "aud":   "https://rs.example.com/",
        "exp": 1639528912,
        "iat": 1618354090,
        "jti" : "dbe39bf3a3ba4238a513f51d6e1691c4",
        "client_id": "s6BhdRkqt3",
        "scope": "openid profile reademail"
      }`)
	digest := sha256.Sum256([]byte(input))
	signature, err := rsa.SignPKCS1v15(nil, private, crypto.SHA256, digest[:])
	require.NoError(t, err)
	keys, err := jwks.StaticKeys(jwks.PublicKey{KeyID: "RjEwOwOA", Algorithm: "RS256", Key: &private.PublicKey})
	require.NoError(t, err)
	issuer := claims.Issuer{
		URL: "https://authorization-server.example.com/", Audiences: []string{"https://rs.example.com/"}, Keys: keys,
	}
	for _, issuer := range []claims.Issuer{issuer, issuer.RFC9068()} {
		v, err := claims.NewVerifier(claims.Config{
			Issuers: []claims.Issuer{issuer}, Now: func() time.Time { return time.Unix(1618354090, 0) },
		})
		require.NoError(t, err)
		c, err := v.Verify(t.Context(), input+"."+base64.RawURLEncoding.EncodeToString(signature))
		require.NoError(t, err)
		assert.Equal(t, "https://authorization-server.example.com/", c.Issuer())
		assert.Equal(t, "5ba552d67", c.Subject())
		assert.Equal(t, []string{"https://rs.example.com/"}, c.Audience())
		assert.Equal(t, int64(1639528912), c.ExpiresAt().Unix())
		assert.Equal(t, int64(1618354090), c.IssuedAt().Unix())
		assert.Equal(t, "dbe39bf3a3ba4238a513f51d6e1691c4", c.ID())
		assert.Equal(t, "s6BhdRkqt3", c.ClientID())
		assert.Equal(t, []string{"openid", "profile", "reademail"}, c.Scopes())
	}
}
