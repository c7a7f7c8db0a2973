package keyset

import (
	"bytes"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// What a document looks like that is not the one which was expected. Each is a fixed text
// without a byte of the document.
const (
	LooksEmpty        = "the document is empty"
	LooksLikeHTML     = "it looks like a page of HTML, such as a login page"
	LooksLikeXML      = "it looks like XML"
	LooksLikePEM      = "it looks like PEM, and JSON is expected"
	LooksLikeJWT      = "it looks like a JWT, and a signed document is not supported"
	LooksCompressed   = "it is compressed with gzip, without a Content-Encoding that says so"
	LooksLikeArray    = "it is a JSON array, and an object is expected: a JWK Set has its keys in an array, the member keys"
	LooksLikeSet      = "it looks like a JWK Set"
	LooksLikeKey      = "it looks like a single key: a set has its keys in an array, the member keys"
	LooksLikeMetadata = "it looks like a discovery document: set Config.Issuer and no URL of the key set, or use the URL in its jwks_uri"
	LooksLikeCerts    = "it looks like a map of kids to certificates in PEM: the issuer has another address for its JWK Set"
	LooksLikeRealm    = "it looks like Keycloak's description of a realm: its key set is below it, at protocol/openid-connect/certs"
	LooksLikeError    = "it looks like an error message"
)

// LooksLike says what a document looks like; empty if that cannot be told. It is a hint for
// the operator, and nothing is decided by it.
func LooksLike(document []byte) string {
	text := bytes.TrimSpace(TrimMark(document))
	switch {
	case len(text) == 0:
		return LooksEmpty
	case text[0] == '{':
		return objectLooksLike(text)
	case text[0] == '[':
		return LooksLikeArray
	case text[0] == '<':
		return markupLooksLike(text)
	case bytes.HasPrefix(text, []byte("\x1f\x8b")):
		return LooksCompressed
	case bytes.HasPrefix(text, []byte(pemBegin)):
		return LooksLikePEM
	case isCompactJWT(string(bytes.Trim(text, `"`))):
		return LooksLikeJWT
	}
	return ""
}

const pemBegin = "-----BEGIN "

func markupLooksLike(text []byte) string {
	head := bytes.ToLower(text[:min(len(text), 1024)])
	if bytes.HasPrefix(head, []byte("<?xml")) && !bytes.Contains(head, []byte("<html")) {
		return LooksLikeXML
	}
	return LooksLikeHTML
}

// isCompactJWT reports whether text has the form of a signed or encrypted JWT (RFC 7515 section
// 7.1, RFC 7516 section 7.1). A header is a JSON object, which begins with eyJ in base64url.
func isCompactJWT(text string) bool {
	const base64url = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	dots := strings.Count(text, ".")
	return strings.HasPrefix(text, "eyJ") && (dots == 2 || dots == 4) && strings.Trim(text, base64url+".") == ""
}

// objectLooksLike judges by the names of the members, up to the first that is no JSON.
func objectLooksLike(text []byte) string {
	has, pem := memberNames(text)
	switch {
	case has["keys"]:
		return LooksLikeSet
	case has["kty"]: // also if it has an issuer, as the keys of Entra ID have
		return LooksLikeKey
	case has["jwks_uri"], has["issuer"]:
		return LooksLikeMetadata
	case has["realm"] && has["public_key"]:
		return LooksLikeRealm
	case has["error"]:
		return LooksLikeError
	case pem:
		return LooksLikeCerts
	}
	return ""
}

// memberNames returns the names of an object's members, and whether a member is PEM.
func memberNames(text []byte) (has map[string]bool, pem bool) {
	has = make(map[string]bool)
	dec := jsontext.NewDecoder(bytes.NewBuffer(text), jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
	if _, err := dec.ReadToken(); err != nil {
		return has, false
	}
	for dec.PeekKind() == '"' {
		name, err := dec.ReadToken()
		if err != nil {
			break
		}
		has[name.String()] = true
		value, err := dec.ReadValue()
		if err != nil {
			break
		}
		pem = pem || bytes.HasPrefix(value, []byte(`"`+pemBegin))
	}
	return has, pem
}
