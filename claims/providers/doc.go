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
// The rules are in Issuer.ClaimRules. To demand more, add to the map, or use another field, and
// never put another map in its place. NewVerifier reports a mistake only if no rule says whose
// tokens are accepted, because Issuer.MustLimit names the claims of such rules. It does not notice
// the loss of any other rule, such as the one on event_name that refuses pull requests of forks.
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
// [claims.Issuer.RFC9068]. What to write, and what to look out for (2026-11-28; what has a star
// behind it was not compared with the provider's documentation):
//
//   - authentik: URL https://HOST/application/o/SLUG/, with the slash. The audience is the client id,
//     of ID tokens as well: demand azp and uid, which they lack. Access tokens have no scope, but
//     the nonce of the login, and are refused with it until a scope mapping adds the claim scope.
//     All providers have one URL in the mode "Same identifier", so leave the default.
//     Without a signing key, tokens have HS256 with the client's secret: choose a key.
//   - Authelia: access tokens are opaque unless access_token_signed_response_alg of the client is set.
//     The client must ask for the audience.
//   - AWS load balancers: x-amzn-oidc-data is not supported. It has padded base64, which is no JWT, and
//     a document for each key.
//   - Azure AD B2C*: URL https://TENANT.b2clogin.com/TENANTID/v2.0/, with the slash, and JWKSURL of
//     the policy, which has the discovery document. Demand scp, which ID tokens lack.
//   - Azure managed identities: [Entra], with a rule on oid or an app role.
//   - Buildkite: URL https://agent.buildkite.com, which all organisations share: ClaimRules on
//     /organization_id and /pipeline_id, for which the job asks with --claim, and MustLimit. sub has
//     only names. If a pipeline builds the pull requests of forks, their jobs get its tokens.
//   - CircleCI: URL https://oidc.circleci.com/org/ORG; the default audience is the organisation.
//     Write ClaimRules with "/oidc.circleci.com~1project-id": {ID}, in which ~1 is a slash of the
//     claim's name, and with "/oidc.circleci.com~1ssh-rerun": {false}, which refuses jobs that
//     somebody has started again to log in by SSH.
//     Pull requests from forks get tokens only if the project passes them its secrets.
//   - Curity: access tokens are opaque by default. A gateway exchanges them for JWTs, or use introspection.
//   - Descope*: iss depends on the login: https://api.descope.com/PROJECT,
//     https://api.descope.com/v1/apps/PROJECT, or the bare project ID, which has no discovery and
//     needs JWKSURL. Configure an Issuer for each that you expect.
//   - Dex: it has no access tokens for an API. What it calls one is a JWT like its ID tokens, for the
//     client and with at_hash, and is refused as an ID token.
//   - Duende IdentityServer: scope is an array, which is read as well. The audience is that of an API
//     resource; an API that has only scopes gets no aud. typ is at+jwt: use RFC9068 for users. Tokens for
//     client credentials have no sub*, so set TokenTypes to at+jwt for them.
//   - FusionAuth: iss is any text that the tenant sets. The default key is HS256*: choose another.
//     The audience is the application's id, of ID tokens as well: demand applicationId, which they
//     lack since version 1.24. It is also missing from the tokens of users who are not registered.
//   - Logto: a JWT only if the client asks for a resource, which is the audience; ES384 and typ at+jwt by
//     default.
//   - OneLogin: the audiences are a required setting of the authorization server; scope is as usual*.
//   - Ory Hydra: opaque (ory_at_) unless strategies.access_token is jwt. Scopes are the array scp; aud is
//     empty unless the client asks for an audience: see claims.WithoutAudience. Custom claims are in ext.
//   - PingOne: URL https://auth.pingone.com/ENVIRONMENT/as; the audience is that of a custom resource,
//     because the default is PingOne's own API. There is no sub for client credentials.
//   - SPIFFE: the URL that SPIRE has as jwt_issuer, with its OIDC Discovery Provider. ClaimRules on /sub
//     with whole SPIFFE IDs, and MustLimit. A hook that compares a trust domain must compare
//     "spiffe://DOMAIN/" with the slash, because spiffe://DOMAIN.evil is another domain. See
//     jwks.Config.SPIFFEBundle for a bundle without the provider. SPIRE writes the typ JWT; the
//     standard also has JOSE, for TokenTypes.
//   - WorkOS AuthKit: URL https://api.workos.com/user_management/CLIENT; older environments have
//     https://api.workos.com, which all customers share: then set JWKSURL to https://api.workos.com/sso/jwks/CLIENT.
//     Session tokens have no aud: WithoutAudience with ClientIDClaim iss. permissions are for ScopeClaims.
//   - WSO2 Identity Server, Asgardeo: iss ends in /oauth2/token. Tokens are opaque or JWTs, as the
//     application sets. The audience of a token is the client, of ID tokens as well, so set TokenTypes to
//     at+jwt, which they lack; or add the API's own audience* to the application.
//
// Sources of these rows, beside those that the constructors name (2026-11-28):
//
//   - https://github.com/goauthentik/authentik/tree/main/authentik/providers/oauth2, id_token.py and models.py
//   - https://www.authelia.com/configuration/identity-providers/openid-connect/clients/
//   - https://buildkite.com/docs/pipelines/security/oidc
//   - https://circleci.com/docs/guides/permissions-authentication/openid-connect-tokens/
//   - https://github.com/dexidp/dex/blob/master/server/oauth2.go, newAccessToken
//   - https://docs.duendesoftware.com/identityserver/reference/options/, of IdentityServerOptions
//   - https://fusionauth.io/docs/lifecycle/authenticate-users/oauth/tokens
//   - https://github.com/logto-io/logto/blob/master/packages/core/src/oidc/resource.ts
//   - https://developers.onelogin.com/api-docs/2/api-authorization/create
//   - https://is.docs.wso2.com/en/latest/references/app-settings/oidc-settings-for-app/, and its sample tokens
package providers
