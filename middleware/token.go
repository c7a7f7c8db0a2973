package middleware

import "strings"

const bearerScheme = "Bearer"

// A credential is what the Authorization fields of a request hold.
type credential int

const (
	noCredential        credential = iota // no field, or one of another scheme
	malformedCredential                   // several fields, or a scheme without one token
	oversizedCredential                   // a token longer than the limit, unread
	presentCredential                     // a scheme and a text that may be a token
)

// tokenIn returns the token in the values of the request's Authorization fields, and its scheme
// (RFC 6750 section 2.1; RFC 9449 section 7.1; RFC 9110 section 11.4). It looks only at the scheme
// and at the length, so that junk costs nothing. The token may not be a b64token.
//
// Authorization is no list field (RFC 9110 section 5.3). A second field is an error
// whatever it holds, because a proxy and this server could each choose another one.
func (m *Middleware) tokenIn(authorization []string) (token, scheme string, c credential) {
	switch len(authorization) {
	case 0:
		return "", "", noCredential
	case 1:
	default:
		return "", "", malformedCredential
	}
	// White space around a field value is no part of it (RFC 9110 section 5.5). net/http
	// removes it; other transports may not.
	value := strings.Trim(authorization[0], " \t")
	scheme = schemeOf(value, m.dpop != nil)
	if scheme == "" {
		return "", "", noCredential
	}
	rest := value[len(scheme):]
	switch {
	case rest == "", rest[0] == '\t':
		return "", scheme, malformedCredential
	case rest[0] != ' ':
		return "", "", noCredential // another scheme, such as BearerX or Bearer:
	}
	token = strings.TrimLeft(rest, " ")
	if len(token) > m.maxTokenBytes {
		return "", scheme, oversizedCredential
	}
	return token, scheme, presentCredential
}

// schemeOf returns the scheme that the value begins with, in our spelling, or "".
func schemeOf(value string, withDPoP bool) string {
	switch {
	case len(value) >= len(bearerScheme) && strings.EqualFold(value[:len(bearerScheme)], bearerScheme):
		return bearerScheme
	case withDPoP && len(value) >= len(dpopScheme) && strings.EqualFold(value[:len(dpopScheme)], dpopScheme):
		return dpopScheme
	}
	return ""
}

// hasToken reports whether the request has a token, valid or not, or is malformed.
func (m *Middleware) hasToken(request Request) bool {
	_, _, found := m.tokenIn(request.Authorization)
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
