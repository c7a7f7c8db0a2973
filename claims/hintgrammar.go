package claims

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/bearerguard/bearerguard/internal/strict"
)

// segmentsHint says what was pasted instead of a token. It looks at the text only.
func (e *explanation) segmentsHint() string {
	if hint := wrapping(e.text); hint != "" {
		return hint
	}
	switch segments := strings.Count(e.text, ".") + 1; {
	case segments == 5:
		return e.encryptedHint()
	case segments != 3:
		return e.notThreeHint(segments)
	case e.hasDetail(segmentsRow, "empty signature"):
		return "The signature was removed, as logs and debuggers do. Use the token as the issuer returned it."
	case strings.Contains(e.text, "="):
		return "Segments have no padding (RFC 7515 section 2): remove the = signs if a tool has added them. " +
			"If they are signed, as in x-amzn-oidc-data of AWS load balancers, send another token."
	case strings.ContainsAny(e.text, "+/"):
		return "The token is in base64, not base64url. The program that makes it must write - for + and _ for /."
	}
	return "No base64url encoder writes such a segment: a part of the token was cut off or changed. Copy it again from its source."
}

var escape = regexp.MustCompile(`%[0-9A-Fa-f]{2}`)

// wrapping recognises what was copied together with a token, or changed by copying.
func wrapping(text string) string {
	trimmed := strings.TrimSpace(text)
	switch {
	case trimmed == "":
		return "There is no token. Look at the variable, file or command that it should come from."
	case hasScheme(trimmed):
		return "Remove what is in front of the token: Authorization, Bearer and DPoP are not part of it."
	case strings.HasPrefix(trimmed, "{") && strings.Contains(text, "access_token"):
		return "This is the answer of a token endpoint. Use only the value of its member access_token."
	case strings.HasPrefix(trimmed, "{"):
		return "This is JSON. Use a token in the compact serialization: three segments with dots between them (RFC 7519 section 3)."
	case strings.ContainsAny(text, "\"'`"):
		return "Remove the quotation marks. They are of JSON or of a shell, and not part of the token."
	case text != trimmed:
		return "Remove the white space before or after the token. Files and variables often end with a line break."
	case strings.ContainsAny(text, " \t\r\n"):
		return "Remove the white space in the token. A terminal or an editor has broken the line."
	case escape.MatchString(text):
		return "The token is URL-encoded. Decode it once."
	case strings.Contains(text, "..."), strings.Contains(text, "\u2026"):
		return "A tool has replaced a part of the token by dots. Copy it again from its source."
	case strings.ContainsFunc(text, func(r rune) bool { return r < '!' || r > '~' }):
		return "The token has a character that no token has, such as a zero-width space. Copy it again from its source."
	}
	return ""
}

// hasScheme reports whether the text begins like the Authorization field.
func hasScheme(text string) bool {
	first, _, more := strings.Cut(text, " ")
	switch strings.ToLower(first) {
	case "bearer", "dpop", "authorization:":
		return more
	}
	return false
}

// opaque are the beginnings of tokens that are not JWTs.
var opaque = []struct{ prefix, hint string }{
	{"ya29.", "This is an access token for Google's own APIs, which no other API can verify. The client must send an ID token for this API."},
	{"1//", "This is a refresh token of Google." + sendAccessToken},
	{"v1.M", "This is a refresh token of Auth0." + sendAccessToken},
	{"ory_at_", "Ory Hydra has made an opaque token. Set strategies.access_token to jwt in its configuration, or Issuer.Opaque to have it introspected."},
	{"ory_rt_", "This is a refresh token of Ory Hydra." + sendAccessToken},
	{"gho_", gitHubToken},
	{"ghp_", gitHubToken},
	{"ghu_", gitHubToken},
	{"ghs_", gitHubToken},
	{"github_pat_", gitHubToken},
	{"glpat-", "This is a token for GitLab's own API, which no other API can verify. In a CI job, use id_tokens."},
	{"EwA", personalToken},
	{"EwB", personalToken},
	{"EwC", personalToken},
	{"EwD", personalToken},
}

const (
	gitHubToken   = "This is a token for GitHub's own API, which no other API can verify. In a workflow, use its OIDC token."
	personalToken = "This is a token of a personal Microsoft account for an API of Microsoft. The client must ask for a scope of this API."
)

func (e *explanation) notThreeHint(segments int) string {
	if len(e.trust.opaque) > 0 {
		return "No issuer has opaque tokens of this prefix and length. Look at both in the Config of its introspection, and at the client."
	}
	for _, o := range opaque {
		if strings.HasPrefix(e.text, o.prefix) {
			return o.hint
		}
	}
	auth0 := e.trust.issuerAt(isAuth0)
	switch {
	case segments == 1 && auth0 != nil:
		return fmt.Sprintf("This is not a JWT. Auth0 makes an opaque token if the client asks for no API: "+
			"it must send the parameter audience with %s.", auth0.audience())
	case segments == 1:
		return "This is not a JWT but an opaque token, such as a refresh token or a code. " +
			"The client must send an access token, and the issuer must make it a JWT, or be asked about it (Issuer.Opaque)."
	case segments == 2 && strings.HasPrefix(e.text, "eyJ"):
		return "The third segment, the signature, is missing. Copy the whole token."
	case segments > 3 && strings.HasPrefix(e.text, "eyJ"):
		return "Something follows the token. A JWT ends with its third segment."
	}
	return "This is not a JWT. A JWT begins with eyJ and has three segments."
}

// encryptedHint is for the five segments of a JWE (RFC 7516 section 3.1).
func (e *explanation) encryptedHint() string {
	auth0 := e.trust.issuerAt(isAuth0)
	switch {
	case auth0 != nil:
		return fmt.Sprintf("The token is encrypted. Auth0 does this if the client asks for no API: "+
			"it must send the parameter audience with %s.", auth0.audience())
	case e.trust.issuerAt(isCognito) != nil:
		return "The token is encrypted, and of Cognito's tokens only refresh tokens are." + sendAccessToken
	}
	return "The token is encrypted (JWE), for a reader that has the key. Have the issuer sign access tokens for this API without encrypting them."
}

func (e *explanation) headerHint() string {
	switch {
	case e.hasDetail(headerRow, "crit"), e.hasDetail(headerRow, "b64"):
		return "The token demands an extension that this library does not have. Have the issuer sign without crit and b64."
	case e.hasDetail(headerRow, "longer than"):
		return "The kid is not one of an ordinary key. Have the issuer give its keys short ones."
	case !strings.HasPrefix(strings.TrimSpace(e.document), "{"):
		return "The first segment is not the header of a JWT. Is this another kind of token?"
	}
	return "The program that makes the token writes a header that is not valid (RFC 7515 section 4). Have it write alg, kid and typ once, as strings."
}

func (e *explanation) claimsHint() string {
	for _, name := range []string{"exp", "nbf"} {
		switch {
		case !e.hasDetail(claimsRow, "payload: "+name+": "):
		case inMilliseconds(e.unreadClaim(name)):
			return name + " is in milliseconds. The program that makes the token must write seconds (RFC 7519 section 2)."
		default:
			return "The program that makes the token must write " + name + " as a number of seconds since 1970 (RFC 7519 section 2)."
		}
	}
	switch {
	case strings.HasPrefix(strings.TrimPrefix(e.payload, `"`), "eyJ"):
		return "The payload is a token itself. Use the inner token, or have it made once only."
	case e.hasDetail(claimsRow, "cnf: "):
		return "Have the issuer write cnf as an object, and leave it out of tokens that are not bound to a key."
	case e.hasDetail(claimsRow, strict.ErrTooDeep.Error()):
		return "A claim is nested more than 32 deep. Have the issuer write it flatter."
	case e.hasDetail(claimsRow, strict.ErrSyntax.Error()), e.hasDetail(claimsRow, strict.ErrTrailing.Error()),
		e.hasDetail(claimsRow, strict.ErrNotObject.Error()):
		return "The payload is not one JSON object. Look for a claim that is there twice, for bytes that are not UTF-8, and for a cut copy."
	}
	return "Have the issuer write the claim with the type of RFC 7519 section 4.1. Look for a mapper, rule or action that sets it."
}

// unreadClaim returns the JSON text of a claim of a payload that was refused.
func (e *explanation) unreadClaim(name string) (text string) {
	_ = strict.Object(e.payload, func(n, value string) error {
		if n == name {
			text = value
		}
		return nil
	})
	return text
}

// inMilliseconds reports whether a number is a time of today in milliseconds: between 2001 and
// 2286.
func inMilliseconds(text string) bool {
	n, err := strconv.ParseFloat(text, 64)
	return err == nil && n >= 1e12 && n < 1e13
}
