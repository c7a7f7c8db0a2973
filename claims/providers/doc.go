// Package providers has constructors for issuers for which a URL and an audience are not enough.
// They are identity providers whose tokens have peculiarities, and issuers of tokens for workloads.
//
// Each constructor returns plain [claims.Issuer] values with the settings that the provider's
// documentation implies: the exact form of iss, and what tells an access token from the
// provider's other tokens. Callers may change them. Keys is not set: package middleware finds
// the keys by discovery. No constructor makes a request.
//
// A constructor puts a mistake in its arguments into Issuer.Err. [claims.NewVerifier] and
// middleware.New report it together with all other mistakes.
//
// # Workloads
//
// [Kubernetes], [GitHubActions], [GitLabCI], [GoogleServiceAccount] and [AWS] are for callers that
// are programs. Strangers can get tokens of these issuers for any audience, so each constructor
// takes a rule, and reports a mistake without one. A rule takes ids, if the issuer has them,
// because a name can pass to somebody else.
//
// The rules are in Issuer.ClaimRules. NewVerifier reports a mistake if they were removed, because
// Issuer.MustLimit names their claims. To demand more, add to the map, or use another field.
// Validate is free for the application:
//
//	issuer := providers.GitHubActions(audience, providers.GitHubRule{OwnerIDs: []string{"9919"}})
//	issuer.ClaimRules["/runner_environment"] = []any{"github-hosted"}
//
// The tokens have no scopes: decide in the routes with policies, by claims.Claims.Subject and
// others. MaxLifetime and Algorithms are set.
//
// # Gateways
//
// [CloudflareAccess] and [GoogleIAP] are for gateways that sign users in and send a token of their
// own in a header field, which Config.TokenField of package middleware names.
//
// # Other providers
//
// For another provider, a claims.Issuer with its URL and Audiences is enough if the URL is the
// iss of its tokens, they have an aud, and scope or scp has their scopes. If its ID tokens
// can have the same aud, set RequiredClaims, ClaimValues or ClaimOneOf as well, or use
// [claims.Issuer.RFC9068]. What to write, and what to look out for (2026-11-28; lines with a
// star are not, or not in all parts, compared with the provider's documentation):
//
//   - authentik*: URL https://HOST/application/o/SLUG/, with the slash; the audience is the client id.
//     All providers have one URL in the mode "Same identifier", so leave the default.
//     Without a signing key, tokens have HS256 with the client's secret: choose a key.
//   - Authelia*: access tokens are opaque unless the client is configured for JWTs.
//   - Azure managed identities: [Entra], with a rule on oid or an app role.
//   - Buildkite: URL https://agent.buildkite.com, which all organisations share: ClaimRules on
//     /organization_id and /pipeline_id, for which the job asks with --claim, and MustLimit. sub has
//     only names.
//   - CircleCI: URL https://oidc.circleci.com/org/ORG; the default audience is the organisation.
//     Write ClaimRules with "/oidc.circleci.com~1project-id": {ID}, in which ~1 is a slash of the
//     claim's name, and with "/oidc.circleci.com~1ssh-rerun": {false}, which refuses jobs that
//     somebody has started again to log in by SSH.
//     Pull requests from forks get tokens only if the project passes them its secrets.
//   - Curity: access tokens are opaque by default. A gateway exchanges them for JWTs, or use introspection.
//   - Descope*: iss can be the bare project ID: set JWKSURL then, because there is no discovery.
//   - Dex*: it has no access tokens for an API. Its JWTs are ID tokens, and their audience is the client.
//   - Duende IdentityServer*: scope is an array, which is read as well; typ is at+jwt: use RFC9068.
//   - FusionAuth*: iss is any text that the tenant sets. The default key is HS256: choose another.
//     The audience is the application's id, for ID tokens as well: demand a claim that they lack.
//   - Logto*: a JWT only if the client asks for a resource, which is the audience; ES384 by default.
//   - OneLogin*: the audience must be set at the authorization server; scope is as usual.
//   - Ory Hydra: opaque (ory_at_) unless strategies.access_token is jwt. Scopes are the array scp; aud is
//     empty unless the client asks for an audience: see claims.WithoutAudience. Custom claims are in ext.
//   - PingOne: URL https://auth.pingone.com/ENVIRONMENT/as; the audience is that of a custom resource,
//     because the default is PingOne's own API. There is no sub for client credentials.
//   - SPIFFE: the URL that SPIRE has as jwt_issuer, with its OIDC Discovery Provider. ClaimRules on /sub
//     with whole SPIFFE IDs, and MustLimit. A hook that compares a trust domain must compare
//     "spiffe://DOMAIN/" with the slash, because spiffe://DOMAIN.evil is another domain. See
//     jwks.Config.SPIFFEBundle for a bundle without the provider.
//   - WorkOS AuthKit: URL https://api.workos.com/user_management/CLIENT; older environments have
//     https://api.workos.com, which all customers share: then set JWKSURL to https://api.workos.com/sso/jwks/CLIENT.
//     Session tokens have no aud: WithoutAudience with ClientIDClaim iss. permissions are for ScopeClaims.
//   - WSO2*: the audience of a token is the client; add the API's own to the application.
package providers
