// Package introspection asks an issuer about tokens that a resource server cannot verify by
// itself (RFC 7662). These are opaque ones, and JWTs that may have been revoked.
//
// Set an [Introspector] as the Opaque of an issuer. Everything else stays as it is for JWTs:
//
//	opaque, err := introspection.New(introspection.Config{
//		Endpoint:     "https://issuer.example/introspect",
//		ClientID:     "my-api",
//		ClientSecret: []byte(os.Getenv("CLIENT_SECRET")),
//	})
//	…
//	auth, err := middleware.New(middleware.Config{Issuers: []claims.Issuer{{
//		URL:       "https://issuer.example/",
//		Audiences: []string{"https://api.example"},
//		Opaque:    opaque,
//	}}})
//
// # Which token goes where
//
// Only the bytes of a token decide, before any request and never by trying:
//
//   - What looks like a JWT, with three segments or more and a JSON object as its header, is
//     verified as a JWT or refused. A JWT that is not valid is never introspected.
//   - A b64token of the right Prefix and length is introspected by its issuer, and by no other.
//   - All other tokens are refused.
//
// An issuer without Keys has opaque tokens only. With Keys, its JWTs are verified by them. With
// Config.AlsoJWT or Config.OnlyJWT, JWTs that are valid are introspected as well.
//
// # What is checked
//
// The answer must have the status 200 and be strict JSON, and active must be true. The claims must
// then pass the checks of package claims: iss, if there is one, exp, nbf, aud, cnf with its proof,
// the settings of the issuer, and its Validate hook. They are checked for each request, remembered
// or not. In an answer,
//
//   - iss may be missing, and exp, too: then the token expires with the answer. A request that runs
//     for long ends with it.
//   - token_type must be that of an access token if there is one, and token_use, too. Without both,
//     a refresh token can pass: see Config.ImpliedAudience. A nonce without scopes, and the claims of
//     ID tokens and of events, refuse the token as they do in a JWT.
//   - the answer about a JWT must have the jti of the JWT, or its sub if one of the two has no jti.
//     It must not name only other audiences, or a key in cnf that the JWT does not name.
//   - token_type DPoP needs a cnf with jkt.
//
// A token that is not active is refused with claims.ErrRejected, and a JWT with claims.ErrRevoked.
//
// # How long a revoked token is accepted
//
// For Config.TTL after the last answer, 30 seconds by default, and for Config.StaleIfError longer
// while the endpoint fails. Requests that run for long with the context of UntilExpiry are checked
// again every 30 seconds. They end up to 30 seconds later than that, and while the endpoint fails
// up to 2.5 minutes later.
//
// # Failures
//
// A token that cannot be asked about gets a 503, with Retry-After, unless Config.StaleIfError is set
// and an earlier answer is remembered. All statuses but 200 are failures: 401 and 403 say that the
// endpoint does not accept this API, and not that the token is bad. After 5 failures in a row the
// endpoint is asked once a second. A failure that one token can cause does not count: a 400, an
// answer that cannot be read, and, for opaque tokens that were not accepted before, a 500 without
// Retry-After.
//
// Anyone can make up opaque tokens, and each one is a request to the issuer. At most 500 a second
// are asked about, and at most 48 at a time. More get a 503. A flood of guesses can delay the
// first use of a token, but not the use of tokens that were accepted before. Tokens that are active
// but refused, such as those for other APIs, count as guesses. A Prefix stops the guesses of all who
// do not know it. With AlsoJWT, JWTs have bounds of their own for their first use: 500 a second,
// and 16 at a time. Opaque tokens then have 32 at a time.
//
// # Providers
//
//   - Ory Hydra: Prefix "ory_at_", Endpoint "http://hydra:4445/admin/oauth2/introspect", which has
//     no authentication: set InsecureNoAuthentication and InsecureHTTPHosts, and keep the port in
//     a private network. aud is empty unless the client asks for an audience (oauth2/handler.go of
//     ory/hydra).
//   - Zitadel: Endpoint "https://INSTANCE/oauth/v2/introspect", ClientID and ClientSecret of an API
//     application (guide "Token introspection" of zitadel.com). The aud is the ID of the project.
//   - Keycloak: OnlyJWT, because its tokens are JWTs, and
//     Endpoint "https://HOST/realms/REALM/protocol/openid-connect/token/introspect". Since version
//     26.6.2, ClientID must be in the aud of a token, too: all others are not active, and get a 401
//     (section "Token introspection now validates audience claim" of its upgrading guide). Give the
//     clients an audience mapper for it.
//   - Servers built on ory/fosite that issue JWTs: OnlyJWT. Each session needs a JTI. Otherwise each
//     answer has another jti than the token, and the token gets a 503.
//   - Auth0 has no endpoint for APIs. Its opaque tokens, and encrypted ones, are for Auth0 itself:
//     the client must ask for an audience, and then gets a JWT.
package introspection
