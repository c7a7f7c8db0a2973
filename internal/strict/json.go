package strict

import (
	"errors"
	"io"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// The reasons for which JSON is refused.
var (
	ErrSyntax    = errors.New("not strict JSON")
	ErrNotObject = errors.New("not a JSON object")
	ErrTrailing  = errors.New("bytes after the JSON object")
	ErrTooDeep   = errors.New("nested too deeply")
	ErrNotArray  = errors.New("not an array")
	ErrNotString = errors.New("not a string")
)

// maxDepth bounds the nesting of arrays and objects: 32 levels inside the object itself. The
// decoder recurses once per level, so this also bounds the stack that a document can use.
const maxDepth = 33

// A Span is a half-open range of bytes in a document. Documents must be shorter than 2 GiB.
type Span struct{ start, end int32 }

// Of returns the bytes of doc in the range s.
func (s Span) Of(doc string) string { return doc[s.start:s.end] }

// A Member is one name/value pair of an object. Both are JSON texts, as written.
type Member struct{ Name, Value Span }

// Object calls visit for each member of the JSON object doc, in order. The name is unquoted;
// the value is JSON text without surrounding white space. An error of visit ends the
// iteration and is returned. Members after the first error are not read, so the caller
// must not act on any member before Object has returned nil.
func Object(doc string, visit func(name, value string) error) error {
	return Members(doc, func(m Member) error {
		name, err := Unquote(m.Name.Of(doc))
		if err != nil {
			return err
		}
		return visit(name, m.Value.Of(doc))
	})
}

// Members is like [Object], but calls visit with ranges of doc. A list of ranges takes less
// memory than a list of strings.
func Members(doc string, visit func(Member) error) error {
	if tooDeep(doc) {
		return ErrTooDeep
	}
	d := newDecoder(doc)
	defer d.release()
	if d.json.PeekKind() != '{' {
		return ErrNotObject
	}
	if _, err := d.json.ReadToken(); err != nil {
		return ErrSyntax
	}
	for d.json.PeekKind() != '}' {
		m, err := d.nextMember()
		if err != nil {
			return err
		}
		if err := visit(m); err != nil {
			return err
		}
	}
	if _, err := d.json.ReadToken(); err != nil {
		return ErrSyntax
	}
	if _, err := d.json.ReadToken(); err != io.EOF { //nolint:errorlint // documented to be io.EOF itself
		return ErrTrailing
	}
	return nil
}

// tooDeep reports whether doc nests deeper than maxDepth. It ignores brackets in strings, where
// closing brackets could hide real nesting.
func tooDeep(doc string) bool {
	if strings.Count(doc, "[")+strings.Count(doc, "{") <= maxDepth {
		return false
	}
	depth, quoted := 0, false
	for i := 0; i < len(doc); i++ {
		switch b := doc[i]; {
		case quoted && b == '\\':
			i++ // an escaped quotation mark does not end the string
		case b == '"':
			quoted = !quoted
		case quoted:
		case b == '[' || b == '{':
			if depth++; depth > maxDepth {
				return true
			}
		case b == ']' || b == '}':
			depth--
		}
	}
	return false
}

// Elements calls visit for each element of array, as JSON text. array must be a value
// from [Object] or [Members], because Elements does not check the syntax after the array.
func Elements(array string, visit func(element string) error) error {
	d := newDecoder(array)
	defer d.release()
	if d.json.PeekKind() != '[' {
		return ErrNotArray
	}
	if _, err := d.json.ReadToken(); err != nil {
		return ErrSyntax
	}
	for d.json.PeekKind() != ']' {
		element, err := d.next()
		if err != nil {
			return err
		}
		if err := visit(element.Of(array)); err != nil {
			return err
		}
	}
	return nil
}

// Unquote returns the value of a JSON string literal, or [ErrNotString]. The result is a
// part of literal, not a copy, if the literal has no escapes.
func Unquote(literal string) (string, error) {
	if len(literal) < 2 || literal[0] != '"' {
		return "", ErrNotString
	}
	inner := literal[1 : len(literal)-1]
	if strings.IndexByte(inner, '\\') < 0 {
		return inner, nil
	}
	unquoted, err := jsontext.AppendUnquote(nil, literal)
	if err != nil {
		return "", ErrSyntax
	}
	return string(unquoted), nil
}
