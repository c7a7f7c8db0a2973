package claims

import (
	"bytes"
	"errors"
	"io"
	"math"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

// Everything a stranger sends is read by this one reader, so that no two parts of a
// program can see two different documents in the same bytes. It refuses duplicate
// members at any depth and invalid UTF-8 (RFC 7515 section 4, RFC 7519 section 4, RFC
// 8259 section 8.1), and compares names code point by code point (RFC 8259 section
// 8.3): no case folding.

// maxDepth bounds the nesting of arrays and objects, and with it the stack that a
// document can claim: the reader recurses once a level.
const maxDepth = 1000

// A span is a half-open range of bytes in a document. Documents are bounded by
// Config.MaxTokenBytes, far below what fits.
type span struct{ start, end int32 }

func (s span) of(doc string) string { return doc[s.start:s.end] }

// A member is one name/value pair of an object, as written.
type member struct{ name, value span }

var (
	errNotObject = errors.New("not a JSON object")
	errTrailing  = errors.New("bytes after the JSON object")
	errTooDeep   = errors.New("nested too deeply")
	errNotString = errors.New("not a string")
	errNotNumber = errors.New("not a number")
	errOutOf     = errors.New("out of range")
)

// A reader is a strict JSON decoder over bytes in memory. Readers are pooled: making
// one costs more than reading a token.
type reader struct {
	doc    bytes.Buffer // the decoder reads a bytes.Buffer in place
	dec    *jsontext.Decoder
	pooled bool
}

// A decoder keeps what it has grown to, for each level of nesting apart and until a document
// comes that is as deep. So the reader of one that is longer, or has more members, than an
// ordinary token's is not used again: otherwise a stranger could leave megabytes in it.
const (
	pooledBytes   = 8 << 10
	pooledMembers = 64 // or colons in strings
)

var readers = sync.Pool{New: func() any {
	r := new(reader)
	r.dec = jsontext.NewDecoder(&r.doc)
	return r
}}

func newReader(doc string) *reader {
	pooled := len(doc) <= pooledBytes && strings.Count(doc, ":") <= pooledMembers
	var r *reader
	if pooled {
		r = readers.Get().(*reader)
	} else {
		r = readers.New().(*reader)
	}
	r.pooled = pooled
	r.doc.WriteString(doc)
	r.dec.Reset(&r.doc)
	return r
}

func (r *reader) release() {
	if r.pooled {
		r.doc.Reset()
		readers.Put(r)
	}
}

// next returns where the next name or value stands, without white space.
func (r *reader) next() (span, error) {
	value, err := r.dec.ReadValue()
	if err != nil {
		return span{}, err
	}
	end := int32(r.dec.InputOffset()) //nolint:gosec // bounded by the document
	return span{end - int32(len(value)), end}, nil
}

// readObject calls visit for each member of the object that doc has to be, in order.
func readObject(doc string, visit func(member) error) error {
	if tooDeep(doc) {
		return errTooDeep
	}
	r := newReader(doc)
	defer r.release()
	if r.dec.PeekKind() != '{' {
		return errNotObject
	}
	if _, err := r.dec.ReadToken(); err != nil {
		return err
	}
	for r.dec.PeekKind() != '}' {
		name, err := r.next()
		if err != nil {
			return err
		}
		value, err := r.next()
		if err != nil {
			return err
		}
		if err := visit(member{name, value}); err != nil {
			return err
		}
	}
	if _, err := r.dec.ReadToken(); err != nil {
		return err
	}
	if _, err := r.dec.ReadToken(); err != io.EOF { //nolint:errorlint // documented to be io.EOF itself
		return errTrailing
	}
	return nil
}

// tooDeep reports whether doc nests deeper than maxDepth. Brackets inside of strings do
// not count: closing ones there would hide nesting from the bound.
func tooDeep(doc string) bool {
	if strings.Count(doc, "[")+strings.Count(doc, "{") <= maxDepth {
		return false
	}
	depth, quoted := 0, false
	for i := 0; i < len(doc); i++ {
		switch b := doc[i]; {
		case quoted && b == '\\':
			i++ // whatever is escaped ends no string
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

// readStrings returns the elements of an array of strings, or of a lone string as one
// element. ok is false if value is anything else.
func readStrings(value string) (list []string, ok bool) {
	if value == "" {
		return nil, false
	}
	if value[0] == '"' {
		s, err := unquote(value)
		return []string{s}, err == nil
	}
	err := eachElement(value, func(element string) error {
		s, err := unquote(element)
		list = append(list, s)
		return err
	})
	return list, err == nil
}

// eachElement calls visit for each element of the array that value has to be.
func eachElement(value string, visit func(string) error) error {
	r := newReader(value)
	defer r.release()
	if r.dec.PeekKind() != '[' {
		return errors.New("not an array")
	}
	if _, err := r.dec.ReadToken(); err != nil {
		return err
	}
	for r.dec.PeekKind() != ']' {
		element, err := r.next()
		if err != nil {
			return err
		}
		if err := visit(element.of(value)); err != nil {
			return err
		}
	}
	return nil
}

// unquote returns the string that a JSON string literal stands for. It is a part of
// literal, not a copy, if there is no escape in it.
func unquote(literal string) (string, error) {
	if len(literal) < 2 || literal[0] != '"' {
		return "", errNotString
	}
	inner := literal[1 : len(literal)-1]
	if strings.IndexByte(inner, '\\') < 0 {
		return inner, nil
	}
	unquoted, err := jsontext.AppendUnquote(nil, literal)
	return string(unquoted), err
}

// The years 1970 to 9999: what time.Time can say in every format. A NumericDate
// beyond is a mistake, such as one in milliseconds, or an attempt to overflow.
const maxNumericDate = 253402300799

// numericDate reads a NumericDate (RFC 7519 section 2): a JSON number of seconds since
// the epoch, whole or not.
func numericDate(literal string) (time.Time, error) {
	if literal == "" || literal[0] != '-' && (literal[0] < '0' || literal[0] > '9') {
		return time.Time{}, errNotNumber
	}
	if seconds, err := strconv.ParseInt(literal, 10, 64); err == nil {
		if seconds < 0 || seconds > maxNumericDate {
			return time.Time{}, errOutOf
		}
		return time.Unix(seconds, 0).UTC(), nil
	}
	seconds, err := strconv.ParseFloat(literal, 64)
	if err != nil || !(seconds >= 0 && seconds <= maxNumericDate) { // also false for NaN
		return time.Time{}, errOutOf
	}
	whole, fraction := math.Modf(seconds)
	return time.Unix(int64(whole), int64(fraction*float64(time.Second))).UTC(), nil
}
