package middleware

import (
	"cmp"
	"net/http"
	"slices"
	"strings"
)

// reservedFields have a meaning of their own, which a token without a scheme does not have. Proxies
// drop those of one connection, and a websocket server sends a subprotocol back.
var reservedFields = []string{
	"Authorization", "Connection", "Content-Length", "Content-Type", "Cookie", "Dpop", "Expect", "Host", "Keep-Alive",
	"Proxy-Authenticate", "Proxy-Authorization", "Proxy-Connection", "Sec-Websocket-Protocol",
	"Set-Cookie", "Te", "Trailer", "Transfer-Encoding", "Upgrade",
}

// checkTokenField reports what is wrong with TokenField.
func (c *Config) checkTokenField() []error {
	var problems mistakes
	const marks = "!#$%&'*+-.^_`|~"
	invalid := func(r rune) bool {
		return r >= 0x80 || !strings.ContainsRune(marks, r) && !('0' <= r && r <= '9') && !('a' <= r|0x20 && r|0x20 <= 'z')
	}
	problems.report(strings.ContainsFunc(c.TokenField, invalid), ".TokenField %q: it is not the name of a header field", c.TokenField)
	problems.report(slices.Contains(reservedFields, http.CanonicalHeaderKey(c.TokenField)),
		".TokenField %q: this field never has a token without a scheme", c.TokenField)
	problems.report(c.TokenField != "" && c.DPoP != nil, ".TokenField %q: without a scheme, there is no DPoP", c.TokenField)
	return problems
}

// fromTokenField returns the values of Config.TokenField as those of an Authorization field. The
// scheme is added, so that all that follows is the same. A value that has one is malformed then.
func (m *Middleware) fromTokenField(fields func(name string) []string) []string {
	if fields == nil {
		return nil
	}
	values := fields(m.tokenField)
	if len(values) != 1 {
		return values // none is no token, and several are malformed
	}
	value := strings.Trim(values[0], " \t") // what is not part of the value must not count for its length
	if len(value) > m.maxTokenBytes {
		// One byte too many is enough to refuse it. It is a dot: the cut could be behind a space,
		// which tokenIn removes, and a token before it would be accepted without the rest.
		value = value[:m.maxTokenBytes] + "."
	}
	return []string{bearerScheme + " " + value}
}

// credentialField returns the name of the field that has the token.
func (m *Middleware) credentialField() string { return cmp.Or(m.tokenField, "Authorization") }

// credentialsOf returns the values of the field that has the token.
func (m *Middleware) credentialsOf(h http.Header) []string {
	if m.tokenField != "" {
		return m.fromTokenField(h.Values)
	}
	return h["Authorization"]
}

// forTokenField returns a description that names Config.TokenField, in place of one about the
// Authorization field.
func (m *Middleware) forTokenField(text string) string {
	switch {
	case m.tokenField == "":
	case text == noTokenText:
		return "The request has no token in the field " + m.tokenField
	case text == codeTexts[codeInvalidRequest]:
		return "The field " + m.tokenField + " does not hold exactly one token"
	}
	return text
}
