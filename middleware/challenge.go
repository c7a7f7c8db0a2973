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

// writeAuthentication appends what RFC 9470 section 3 defines for its error code, as its
// examples spell it. An age is rounded down: a client that meets it meets the demand.
func writeAuthentication(b *strings.Builder, e *Error) {
	if values := listValue(e.ACRValues); values != "" {
		writeParameter(b, "acr_values", values)
	}
	if e.MaxAge > 0 {
		writeParameter(b, "max_age", strconv.FormatInt(int64(e.MaxAge/time.Second), 10))
	}
}

// writeParameter appends a parameter after another one. The value needs no escapes.
func writeParameter(b *strings.Builder, name, value string) {
	b.WriteString(", ")
	b.WriteString(name)
	b.WriteString(`="`)
	b.WriteString(value)
	b.WriteByte('"')
}

// errorCode returns e's code if it is made of the characters that a code may have. An
// Error can be made by hand, and a quote in it would open another parameter.
func errorCode(e *Error) string {
	if !isScopeToken(e.Code) {
		return ""
	}
	return e.Code
}

// listValue joins scopes as RFC 6749 section 3.3 has it, and acr values alike. Guards
// hold none that does not fit its grammar; an Error that was made by hand may.
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
