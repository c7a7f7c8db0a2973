package middleware

import (
	"strconv"
	"strings"
	"time"
)

// challenge returns one challenge with each parameter at most once (RFC 6750 section 3;
// RFC 9728 section 5.1 for resource_metadata). Without a code it has no error information
// (RFC 6750 section 3.1).
func (m *Middleware) challenge(e *Error, description string) string {
	var b strings.Builder
	b.Grow(256)
	b.WriteString(m.challengeStart)
	if code := errorCode(e); code != "" {
		writeParameter(&b, "error", code)
		if description != "" {
			writeParameter(&b, "error_description", description)
		}
	}
	if e.Code == codeInsufficientAuthentication {
		writeAuthentication(&b, e)
	}
	if scope := listValue(e.Scopes); scope != "" {
		writeParameter(&b, "scope", scope)
	}
	b.WriteString(m.challengeEnd)
	return b.String()
}

// writeAuthentication appends the parameters of RFC 9470 section 3, spelled as in its
// examples. An age is rounded down, so a client that meets it meets the demand.
func writeAuthentication(b *strings.Builder, e *Error) {
	if values := listValue(e.ACRValues); values != "" {
		writeParameter(b, "acr_values", values)
	}
	if e.MaxAge > 0 {
		writeParameter(b, "max_age", strconv.FormatInt(int64(e.MaxAge/time.Second), 10))
	}
}

// writeParameter appends a parameter after another one. The value must need no escapes.
func writeParameter(b *strings.Builder, name, value string) {
	b.WriteString(", ")
	b.WriteString(name)
	b.WriteString(`="`)
	b.WriteString(value)
	b.WriteByte('"')
}

// errorCode returns the code of e, or "" if RFC 6750 does not allow one of its characters.
// In an Error made by hand, a quote would begin another parameter.
func errorCode(e *Error) string {
	if !isScopeToken(e.Code) {
		return ""
	}
	return e.Code
}

// listValue joins scopes (RFC 6749 section 3.3) or acr values. It returns "" if a value
// does not fit the grammar, which only an Error made by hand can have.
func listValue(values []string) string {
	for _, value := range values {
		if !isScopeToken(value) {
			return ""
		}
	}
	return strings.Join(values, " ")
}

// quoted returns s as a quoted-string (RFC 9110 section 5.6.4).
func quoted(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"`
}
