package providers

import "github.com/bearerguard/bearerguard/claims"

// Supabase returns the Issuer for users of a Supabase project. domain is PROJECT.supabase.co, also
// if the project has a custom domain, which does not change iss.
//
// The aud of a token is authenticated, which is a role and not an API: the token is good for each
// API of the project. Only users who have signed in are accepted: role must be authenticated,
// and is_anonymous false. So the keys service_role and anon are refused, which have all rights
// and none, and users without an account. To accept users without an account, write
// issuer.ClaimRules["/is_anonymous"] = []any{false, true}.
//
// With the OAuth server of Supabase, users let clients of others act for them. The tokens of these
// clients have client_id and are refused, because they have the same aud and role. To accept a
// client as well, write issuer.ClaimRules["/client_id"] = []any{nil, "CLIENT"}.
//
// Anyone may be able to sign up for the project. user_metadata is the user's own words: decide by
// app_metadata only. Tokens have no scopes, and live for an hour by default; raise MaxLifetime if
// the project's tokens live longer.
//
// The keys are at JWKSURL, because servers of your own can have a discovery document without an
// issuer. A project without signing keys uses its secret. Then set Algorithms to HS256, Keys to
// jwks.NewSecrets and JWKSURL to "". Anyone with the secret can make tokens, so switch to
// signing keys if you can.
//
//	{"iss":"https://PROJECT.supabase.co/auth/v1","aud":"authenticated","role":"authenticated","sub":"guid","aal":"aal1",
//	 "session_id":"guid","is_anonymous":false,"app_metadata":{"provider":"email"},"user_metadata":{},"iat":1,"exp":2}
//
// Sources: https://supabase.com/docs/guides/auth/jwt-fields, https://supabase.com/docs/guides/auth/signing-keys,
// https://supabase.com/docs/guides/auth/auth-anonymous and
// https://supabase.com/docs/guides/auth/oauth-server/token-security; for discovery and custom domains
// https://github.com/supabase/auth/issues/2487 and https://github.com/supabase/auth/issues/2486 (2026-11-28).
func Supabase(domain string) claims.Issuer {
	return claims.Issuer{
		URL:            "https://" + domain + "/auth/v1",
		JWKSURL:        "https://" + domain + "/auth/v1/.well-known/jwks.json",
		Audiences:      []string{"authenticated"},
		Algorithms:     []string{"ES256", "RS256"},
		RequiredClaims: []string{"session_id"},
		RequiredAny:    []string{"sub"},
		MaxLifetime:    aboutAnHour,
		ClaimRules:     map[string][]any{"/role": {"authenticated"}, "/is_anonymous": {false}, "/client_id": {nil}},
		MustLimit:      []string{"/role"},
		Err:            checkHost(domain),
	}
}
