package claims

import (
	"fmt"
	"strings"
)

// A site is the URL of an issuer in parts. Unlike a verifier, a hint can be generous: it
// compares hosts without case and without the default port.
type site struct{ scheme, host, path string }

func siteOf(url string) site {
	scheme, rest, found := strings.Cut(url, "://")
	if !found {
		scheme, rest = "", url
	}
	host, path, _ := strings.Cut(rest, "/")
	host = strings.ToLower(host)
	host = strings.TrimSuffix(strings.TrimSuffix(host, ":443"), ":80")
	return site{strings.ToLower(scheme), host, strings.TrimSuffix(path, "/")}
}

func (s site) isAlmost(other site) bool {
	return s.host == other.host && strings.EqualFold(s.path, other.path)
}

// similarIssuer returns the issuer that a wrong iss most probably means, or nil.
func (t *trust) similarIssuer(iss string) *Issuer {
	token := siteOf(iss)
	for _, url := range t.urls {
		own := siteOf(url)
		if iss != "" && (token.isAlmost(own) || isSame(token.tenant(), own.tenant()) || isSame(token.pool(), own.pool())) {
			return t.issuers[url]
		}
	}
	return nil
}

func isSame(a, b string) bool { return a != "" && a == b }

// tenant returns the tenant of an issuer of Entra ID, or "".
func (s site) tenant() string {
	if s.host != "sts.windows.net" && s.host != "login.microsoftonline.com" && !strings.HasSuffix(s.host, ".ciamlogin.com") {
		return ""
	}
	tenant, _, _ := strings.Cut(s.path, "/")
	return tenant
}

// pool returns the user pool of an issuer of Cognito, of either type, or "".
func (s site) pool() string {
	if !isCognito(s) {
		return ""
	}
	return s.path
}

func isCognito(s site) bool {
	return strings.HasPrefix(strings.TrimPrefix(s.host, "issuer-"), "cognito-idp.") && strings.HasSuffix(s.host, ".amazonaws.com")
}

func isAuth0(s site) bool { return strings.HasSuffix(s.host, ".auth0.com") }

func isOkta(s site) bool {
	return strings.HasSuffix(s.host, ".okta.com") || strings.HasSuffix(s.host, ".oktapreview.com") || strings.HasSuffix(s.host, ".okta-emea.com")
}

// realm returns the realm of an issuer of Keycloak, or "".
func (s site) realm() string {
	_, realm, _ := strings.Cut("/"+s.path, "/realms/")
	return realm
}

// issuerAt returns the first issuer whose URL is of a kind, or nil.
func (t *trust) issuerAt(is func(site) bool) *Issuer {
	for _, url := range t.urls {
		if is(siteOf(url)) {
			return t.issuers[url]
		}
	}
	return nil
}

func (e *explanation) issHint() string {
	iss := e.claims.issuer
	switch subject := e.claims.subject; {
	case iss == "" && strings.HasPrefix(subject, "spiffe://"):
		return "This is a JWT-SVID without iss. Set jwt_issuer in the configuration of the SPIRE server."
	case iss == "":
		return "The token does not say who made it. Have the issuer write its URL into iss."
	case e.assumed:
		return similarHint(iss, e.issuer.URL)
	}
	token := siteOf(iss)
	for _, url := range e.trust.urls {
		if hint := relatedHint(token, siteOf(url), url); hint != "" {
			return hint
		}
	}
	return "The token is of an issuer that is not configured. Look whether client and API use the same environment, or configure the issuer."
}

// similarHint says how an iss differs from the URL of the issuer that it means.
func similarHint(iss, url string) string {
	token, own := siteOf(iss), siteOf(url)
	switch {
	case isSame(token.tenant(), own.tenant()) && !token.isAlmost(own):
		return "The tenant is right, but the token is of another version of Entra ID. Configure both issuers, as providers.Entra does, " +
			"or set requestedAccessTokenVersion in the manifest of the API."
	case isSame(token.pool(), own.pool()) && !token.isAlmost(own):
		return "The issuer type of the user pool is another one. Use providers.CognitoUpdated for UPDATED, and providers.Cognito for ORIGINAL."
	case strings.TrimSuffix(iss, "/") == strings.TrimSuffix(url, "/"):
		return fmt.Sprintf("Only the slash at the end differs. Write %s in Issuer.URL, exactly as in iss.", quoted(iss))
	case token.scheme != own.scheme && token.scheme == "http":
		return "iss has http and the configuration https. The issuer does not know that a proxy adds TLS: set its public URL there."
	case token.scheme != own.scheme:
		return fmt.Sprintf("Only the scheme, the part before ://, differs. Write %s in Issuer.URL, exactly as in iss.", quoted(iss))
	}
	return fmt.Sprintf("Only upper and lower case or the default port differ. Write %s in Issuer.URL, exactly as in iss.", quoted(iss))
}

// relatedHint says how an unknown issuer is related to a configured one, or returns "".
func relatedHint(token, own site, url string) string {
	switch {
	case token.tenant() != "" && own.tenant() != "":
		return fmt.Sprintf("The token is of another tenant of Entra ID. If its users may call this API, add the tenant %s.", quoted(token.tenant()))
	case token.host == own.host && isOkta(token) && token.path == "":
		return fmt.Sprintf("Only Okta can verify tokens of the organisation's own server. The client must ask the authorization server %s.", quoted(url))
	case token.host == own.host && strings.TrimPrefix(token.path, "auth/") == strings.TrimPrefix(own.path, "auth/"):
		return "Only the path /auth differs, which old versions of Keycloak have. Write Issuer.URL exactly as iss."
	case token.host == own.host:
		return fmt.Sprintf("The token is of another issuer at the same host, such as another realm. The client must use %s.", quoted(url))
	case token.path != "" && token.path == own.path && token.realm() != "":
		return "The same realm has another host in iss: Keycloak writes the address that the client used. Set hostname in Keycloak, " +
			"so that all clients get the same iss."
	case isAuth0(token) != isAuth0(own) && token.path == "" && own.path == "":
		return "One of the issuers is at auth0.com. If the other is its custom domain, all clients must use the same of the two."
	}
	return ""
}
