package main

import (
	"fmt"
	"strings"
	"unicode/utf16"

	"github.com/bearerguard/bearerguard/internal/strict"
)

const (
	maxName   = 60  // characters of a member's name
	maxString = 200 // characters of a string
	maxNumber = 40  // characters of a number
)

const redacted = `"[redacted]"`

// value returns the JSON text of a member's value: in ASCII, without what is about a person,
// without tokens, and with long strings cut. The text is strict JSON.
func (v viewer) value(name, value string) string {
	if !v.personal && isPersonal(name) {
		return redacted
	}
	return v.anonymous(value)
}

// anonymous is value for a value without a name. The recursion is as deep as the JSON, which
// package strict bounds.
func (v viewer) anonymous(value string) string {
	switch value[0] {
	case '{':
		return v.object(value)
	case '[':
		return v.array(value)
	case '"':
		return v.text(value)
	}
	if len(value) > maxNumber {
		return fmt.Sprintf(`"[number of %d characters]"`, len(value))
	}
	return value
}

func (v viewer) object(value string) string {
	var b strings.Builder
	b.WriteByte('{')
	err := strict.Object(value, func(name, inner string) error {
		if b.Len() > 1 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `"%s":%s`, quoted(name), v.value(name, inner))
		return nil
	})
	if err != nil {
		return `"[not shown]"`
	}
	b.WriteByte('}')
	return b.String()
}

func (v viewer) array(value string) string {
	var b strings.Builder
	b.WriteByte('[')
	err := strict.Elements(value, func(element string) error {
		if b.Len() > 1 {
			b.WriteByte(',')
		}
		b.WriteString(v.anonymous(element))
		return nil
	})
	if err != nil {
		return `"[not shown]"`
	}
	b.WriteByte(']')
	return b.String()
}

// text never shows a token inside a claim, which could be good for something.
func (v viewer) text(literal string) string {
	s, err := strict.Unquote(literal)
	switch {
	case err != nil:
		return `"[not shown]"`
	case hasToken(s):
		return fmt.Sprintf(`"[token of %d characters]"`, len(s))
	case !v.personal && isAddress(s):
		return redacted
	}
	return `"` + quoted(cut(s, maxString)) + `"`
}

// cut returns the first characters of s. If some are missing, it says how long s is.
func cut(s string, limit int) string {
	count := 0
	for at := range s {
		if count++; count > limit {
			return fmt.Sprintf("%s... (%d bytes)", s[:at], len(s))
		}
	}
	return s
}

// quoted returns s as it is between the quotation marks of a JSON string, in printable ASCII.
func quoted(s string) string {
	var b strings.Builder
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r >= ' ' && r <= '~':
			b.WriteRune(r)
		default:
			escape(&b, r)
		}
	}
	return b.String()
}

// printable returns s in printable ASCII. Other characters could be escape sequences of a
// terminal, run backwards, or look like ASCII.
func printable(s string) string {
	var b strings.Builder
	for _, r := range s {
		if r >= ' ' && r <= '~' {
			b.WriteRune(r)
		} else {
			escape(&b, r)
		}
	}
	return b.String()
}

func escape(b *strings.Builder, r rune) {
	for _, unit := range utf16.AppendRune(nil, r) {
		fmt.Fprintf(b, `\u%04x`, unit)
	}
}
