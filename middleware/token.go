package middleware

import "strings"

const bearerScheme = "Bearer"

// A credential is what the Authorization fields of a request hold.
type credential int

const (
	noCredential        credential = iota // no field, or one of another scheme
	malformedCredential                   // several fields, or Bearer without one token
	oversizedCredential                   // a token longer than the limit, unread
	bearerCredential                      // Bearer and a text that may be a token
)

// bearerToken returns the token in the values of the request's Authorization fields (RFC
// 6750 section 2.1; RFC 9110 section 11.4). It looks only at the scheme and at the length,
// so that junk costs nothing. The token may not be a b64token.
//
// Authorization is no list field (RFC 9110 section 5.3). A second field is an error
// whatever it holds, because a proxy and this server could each choose another one.
func bearerToken(authorization []string, maxBytes int) (string, credential) {
	switch len(authorization) {
	case 0:
		return "", noCredential
	case 1:
	default:
		return "", malformedCredential
	}
	// White space around a field value is no part of it (RFC 9110 section 5.5). net/http
	// removes it; other transports may not.
	value := strings.Trim(authorization[0], " \t")
	if len(value) < len(bearerScheme) || !strings.EqualFold(value[:len(bearerScheme)], bearerScheme) {
		return "", noCredential
	}
	rest := value[len(bearerScheme):]
	switch {
	case rest == "", rest[0] == '\t':
		return "", malformedCredential
	case rest[0] != ' ':
		return "", noCredential // another scheme, such as BearerX or Bearer:
	}
	token := strings.TrimLeft(rest, " ")
	if len(token) > maxBytes {
		return "", oversizedCredential
	}
	return token, bearerCredential
}

// hasBearer reports whether the request has a bearer token, valid or not, or is malformed.
func (m *Middleware) hasBearer(request Request) bool {
	_, found := bearerToken(request.Authorization, m.maxTokenBytes)
	return found != noCredential
}

// isB64Token reports whether s is a b64token (RFC 6750 section 2.1):
// 1*( ALPHA / DIGIT / "-" / "." / "_" / "~" / "+" / "/" ) *"=".
func isB64Token(s string) bool {
	s = strings.TrimRight(s, "=")
	for i := range len(s) {
		if !b64TokenBytes[s[i]] {
			return false
		}
	}
	return s != ""
}

var b64TokenBytes = func() (allowed [256]bool) {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~+/"
	for i := range len(alphabet) {
		allowed[alphabet[i]] = true
	}
	return allowed
}()
