// Package redact removes credentials from what is printed.
package redact

import "strings"

// URL returns a URL without the user name and password that it can hold. A password can hold any
// character, so everything up to the last "@" can belong to it.
func URL(text string) string {
	at := strings.LastIndex(text, "@")
	if at < 0 {
		return text
	}
	scheme, _, found := strings.Cut(text[:at], "://")
	if !found {
		return "REDACTED" + text[at:]
	}
	return scheme + "://REDACTED" + text[at:]
}
