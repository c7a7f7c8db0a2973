package claims

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// otherTypes are values of typ that other tokens have.
var otherTypes = map[string]string{
	"dpop+jwt":                "This is a DPoP proof. It belongs into the DPoP field, and the access token into Authorization.",
	"logout+jwt":              "This is a logout token, which an issuer sends to clients." + sendAccessToken,
	"secevent+jwt":            "This is a security event, which an issuer sends to receivers of its stream." + sendAccessToken,
	"oauth-authz-req+jwt":     "This is a request to an authorization server." + sendAccessToken,
	"token-introspection+jwt": "This is an answer of token introspection." + sendAccessToken,
	"refresh+jwt":             refreshToken,
	"rt+jwt":                  refreshToken,
	"id+jwt":                  idToken,
}

func (e *explanation) typHint() string {
	hint, known := otherTypes[e.header.typ]
	_, event := e.claims.topLevel("events")
	switch {
	case known:
		return hint
	case e.hasDetail(typRow, "nonce"), e.claims.otherKind && !event:
		return idToken
	case event:
		return "This is a security event or a logout token, as its claim events says." + sendAccessToken
	case e.opaque:
		return e.opaqueTypeHint()
	case slices.Equal(e.issuer.TokenTypes, []string{"at+jwt"}):
		return "The issuer does not follow RFC 9068 for this API. Switch this profile on at the issuer, which Auth0 calls a token dialect, " +
			"or remove Issuer.RFC9068."
	}
	return fmt.Sprintf("If access tokens of this issuer have %s, add %s to Issuer.TokenTypes.", named("typ", e.header.typ), quoted(e.header.typ))
}

func (e *explanation) timesHint() string {
	c := e.claims
	theirs, differs := e.issuerTime()
	switch {
	case c.expiresAt.IsZero():
		if hint := e.otherKindHint(); hint != "" {
			return hint
		}
		return "Have the issuer give its tokens a lifetime. A token without exp is never accepted."
	case e.issuer.hasExpired(c, e.now):
		return e.expiredHint(theirs, differs)
	case !e.now.Add(e.issuer.Leeway).Before(c.notBefore):
		return e.lifetimeHint()
	case differs && !theirs.Add(e.issuer.Leeway).Before(c.notBefore):
		return fmt.Sprintf("By the clock of the issuer the token is valid. Synchronise the clock of this machine: it is %s behind.",
			inWords(e.keySet.ClockDifference))
	case c.notBefore.Sub(e.now) <= maxLeeway:
		return "The clock of this machine or of the issuer is wrong. Synchronise it, or tolerate up to 5 minutes with Issuer.Leeway."
	}
	return fmt.Sprintf("The token is valid in %s. If it was made just now, its maker has written local time instead of UTC, or one of the clocks is wrong.",
		inWords(c.notBefore.Sub(e.now)))
}

// lifetimeHint is for a token that only Issuer.MaxLifetime refuses.
func (e *explanation) lifetimeHint() string {
	c := e.claims
	switch {
	case c.issuedAt.IsZero():
		return "Issuer.MaxLifetime needs an iat in seconds since 1970. Have the issuer write it, or remove MaxLifetime."
	case e.now.Add(e.issuer.Leeway).Before(c.issuedAt):
		return "The token says that it will be made later. Synchronise the clocks of this machine and of the issuer."
	}
	return fmt.Sprintf("The token lives for %s. Shorten the lifetime of access tokens at the issuer, or raise Issuer.MaxLifetime.",
		inWords(c.expiresAt.Sub(c.issuedAt)))
}

// firstRealTime is in 2001. An earlier exp is not a time but a lifetime.
var firstRealTime = time.Unix(1e9, 0)

func (e *explanation) expiredHint(theirs time.Time, differs bool) string {
	ago := inWords(e.now.Sub(e.claims.expiresAt))
	switch {
	case e.claims.expiresAt.Before(firstRealTime):
		return "exp is a lifetime. The program that makes the token must write the time at which it expires, in seconds since 1970."
	case differs && !e.issuer.hasExpired(e.claims, theirs):
		return fmt.Sprintf("By the clock of the issuer the token is valid. Synchronise the clock of this machine: it is %s ahead.",
			inWords(-e.keySet.ClockDifference))
	case e.claims.issuedAt.IsZero() || !e.claims.issuedAt.Before(e.claims.expiresAt):
		return fmt.Sprintf("The token expired %s ago. The client must get a new one before that.", ago)
	}
	return fmt.Sprintf("The token expired %s ago, after a life of %s. The client must get a new one before that.",
		ago, inWords(e.claims.expiresAt.Sub(e.claims.issuedAt)))
}

// graph are the names of Microsoft Graph as an audience.
var graph = []string{"00000003-0000-0000-c000-000000000000", "https://graph.microsoft.com", "https://graph.microsoft.com/"}

func (e *explanation) audHint() string {
	c, want := e.claims, e.issuer.audience()
	audience := c.Audience()
	has := func(values ...string) bool {
		return slices.ContainsFunc(audience, func(s string) bool { return s != "" && slices.Contains(values, s) })
	}
	if hint := e.otherKindHint(); hint != "" {
		return hint
	}
	if hint := e.gitHubAudienceHint(audience, want); hint != "" {
		return hint
	}
	switch similar := e.similarAudience(audience); {
	case has(graph...):
		return "The token is for Microsoft Graph, and only Graph can verify it. The client must ask for a scope of this API, such as api://ID/.default."
	case similar != "":
		return fmt.Sprintf("aud has %s, which is almost the audience of this API. Write it in Issuer.Audiences exactly as in aud.", quoted(similar))
	case siteOf(c.issuer).realm() != "" && (len(audience) == 0 || has("account")) && e.issuer.WithoutAudience == nil:
		return fmt.Sprintf("Keycloak does not know which API the token is for. Add an audience mapper with %s to a client scope of the client.", want)
	case isAuth0(siteOf(c.issuer)) && slices.ContainsFunc(audience, isAuth0API):
		return fmt.Sprintf("The token is for an API of Auth0 itself. The client must send the parameter audience with %s.", want)
	case has(c.clientIDs[:]...):
		return fmt.Sprintf("aud is the client itself: this is an ID token, or the client has not asked for an API. It must ask for %s.", want)
	case len(audience) == 0:
		return e.noAudienceHint(want)
	case len(e.issuer.Audiences) == 0:
		return "The token names an API. Set Issuer.Audiences beside WithoutAudience, if it is this one."
	}
	return fmt.Sprintf("The token is for another API: the client must ask for %s. If aud is another name of this API, add it to Issuer.Audiences.", want)
}

func (e *explanation) noAudienceHint(want string) string {
	without := e.issuer.WithoutAudience
	switch {
	case without == nil && isCognito(siteOf(e.claims.issuer)):
		return "Tokens of Cognito have no aud. Use providers.Cognito, which lists the clients that may call this API."
	case without == nil:
		return fmt.Sprintf("The token does not say which API it is for. The client must ask for %s, with the parameter audience, resource or scope.", want)
	case e.steps[audRow].Reason == string(ErrMissingClaim):
		return "The token has no aud, and does not meet WithoutAudience.ClaimValues. Is this another kind of token?"
	}
	return "The token has no aud, and is of another client. Add the client to WithoutAudience.ClientIDs, if it may call this API."
}

// isAuth0API reports whether an audience is one of every tenant of Auth0.
func isAuth0API(audience string) bool {
	s := siteOf(audience)
	return isAuth0(s) && (s.path == "userinfo" || s.path == "api/v2")
}

// similarAudience returns an audience that is nearly one of the issuer's, or "". It differs in the
// slash at its end, in its scheme, such as api:// of Entra ID, or in case.
func (e *explanation) similarAudience(audience []string) string {
	for _, own := range e.issuer.Audiences {
		for _, a := range audience {
			if a != "" && siteOf(a).isAlmost(siteOf(own)) {
				return a
			}
		}
	}
	return ""
}

func (e *explanation) requiredHint() string {
	missing := e.steps[requiredRow].Detail
	if hint := e.otherKindHint(); hint != "" {
		return hint
	}
	if hint := e.ruleHint(missing); hint != "" {
		return hint
	}
	_, hasIssuedAt := e.claims.topLevel("iat")
	entra := siteOf(e.issuer.URL).tenant() != ""
	switch {
	case missing == "iat" && hasIssuedAt:
		return "iat counts as absent because it is no NumericDate. Its maker must write a number of seconds, not milliseconds or text."
	case entra && missing == "scp or roles":
		return "The client has no permission for this API. Give it a scope or an app role in Entra ID, with admin consent."
	case entra && (missing == "azp" || missing == "appid"):
		return "Entra ID writes " + missing + " into each access token of this version, so this is an ID token." + sendAccessToken
	case slices.Equal(e.issuer.TokenTypes, []string{"at+jwt"}) && slices.Contains(profileClaims, missing):
		return "RFC 9068 section 2.2 demands this claim. Have the issuer write it, or remove Issuer.RFC9068."
	case slices.Contains(e.issuer.RequiredClaims, missing):
		return "Have the issuer write this claim, for example with a mapper or a rule, or remove it from Issuer.RequiredClaims."
	case missing == strings.Join(e.issuer.RequiredAny, " or "):
		return "Have the issuer write one of these claims, or remove it from Issuer.RequiredAny."
	}
	return "This claim tells tokens of this issuer apart. Is this another kind of token, or one of another tenant?"
}

// profileClaims are the claims that Issuer.RFC9068 adds.
var profileClaims = []string{"sub", "client_id", "iat", "jti"}
