package differential_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"math"
	"slices"
	"strings"
	"unicode/utf8"
)

// facts describe a token independently of the three verifiers. The tables of known differences
// use them. encoding/json reads them leniently: the last one of duplicate members counts.
type facts struct {
	token           string
	header, payload []byte // nil if they are not base64url in any spelling
	h, p            map[string]any
}

func factsOf(token string) facts {
	f := facts{token: token}
	segments := strings.Split(token, ".")
	if len(segments) != 3 {
		return f
	}
	f.header, _ = base64.RawURLEncoding.DecodeString(segments[0])
	f.payload, _ = base64.RawURLEncoding.DecodeString(segments[1])
	_ = json.Unmarshal(f.header, &f.h)
	_ = json.Unmarshal(f.payload, &f.p)
	return f
}

// laxBase64 reports whether a segment has line breaks or trailing bits, so that encoding its bytes
// again gives another text.
func (f facts) laxBase64() bool {
	for segment := range strings.SplitSeq(f.token, ".") {
		decoded, err := base64.RawURLEncoding.DecodeString(segment)
		if err == nil && encode(decoded) != segment {
			return true
		}
	}
	return false
}

func (f facts) duplicates() bool { return hasDuplicates(f.header) || hasDuplicates(f.payload) }

// hasDuplicates reports whether an object in a JSON document has duplicate members.
func hasDuplicates(doc []byte) bool {
	dec := json.NewDecoder(bytes.NewReader(doc))
	dec.UseNumber()
	found := false
	var value func() bool
	value = func() bool {
		token, err := dec.Token()
		if err != nil {
			return false
		}
		open, ok := token.(json.Delim)
		if !ok {
			return true
		}
		names := map[string]bool{}
		for dec.More() {
			if open == '{' {
				name, err := dec.Token()
				if err != nil {
					return false
				}
				text, _ := name.(string)
				found = found || names[text]
				names[text] = true
			}
			if !value() {
				return false
			}
		}
		_, err = dec.Token()
		return err == nil
	}
	value()
	return found
}

// badUnicode reports whether a document has bytes or escapes that may not be characters.
// encoding/json replaces such bytes and escapes.
func (f facts) badUnicode() bool {
	for _, doc := range [][]byte{f.header, f.payload} {
		if !utf8.Valid(doc) || bytes.Contains(bytes.ToLower(doc), []byte(`\ud`)) {
			return true
		}
	}
	return false
}

// depth returns the deepest nesting of either document.
func (f facts) depth() int {
	deepest := 0
	for _, doc := range [][]byte{f.header, f.payload} {
		depth := 0
		for _, b := range doc {
			switch b {
			case '{', '[':
				depth++
			case '}', ']':
				depth--
			}
			deepest = max(deepest, depth)
		}
	}
	return deepest
}

// present reports whether the payload has one of the claims.
func (f facts) present(names ...string) bool {
	return slices.ContainsFunc(names, func(name string) bool { _, ok := f.p[name]; return ok })
}

// notNull reports whether the payload has one of the claims, and it is not null.
func (f facts) notNull(names ...string) bool {
	return slices.ContainsFunc(names, func(name string) bool { return f.p[name] != nil })
}

// null reports whether one of the claims is null.
func (f facts) null(names ...string) bool {
	return slices.ContainsFunc(names, func(name string) bool { return f.present(name) && f.p[name] == nil })
}

// notString reports whether one of the claims is present, and neither null nor a string.
func (f facts) notString(names ...string) bool {
	return slices.ContainsFunc(names, func(name string) bool {
		value, ok := f.p[name]
		_, isString := value.(string)
		return ok && value != nil && !isString
	})
}

// inHeader reports whether the header has one of the members.
func (f facts) inHeader(names ...string) bool {
	return slices.ContainsFunc(names, func(name string) bool { _, ok := f.h[name]; return ok })
}

// date returns a claim as a NumericDate, and whether it is a number.
func (f facts) date(name string) (float64, bool) {
	number, ok := f.p[name].(float64)
	return number, ok
}

// badDate reports whether one of the dates is present, and neither null nor a time from 1970 to
// 9999.
func (f facts) badDate(names ...string) bool {
	return slices.ContainsFunc(names, func(name string) bool {
		if !f.notNull(name) {
			return false
		}
		date, ok := f.date(name)
		return !ok || date < 0 || date > 253402300799
	})
}

// fraction reports whether one of the dates is not a whole number.
func (f facts) fraction(names ...string) bool {
	return slices.ContainsFunc(names, func(name string) bool {
		date, ok := f.date(name)
		return ok && date != math.Trunc(date)
	})
}

// headerNotString reports whether one of the header's members is present and not a string.
func (f facts) headerNotString(names ...string) bool {
	return slices.ContainsFunc(names, func(name string) bool {
		value, ok := f.h[name]
		_, isString := value.(string)
		return ok && !isString
	})
}

// hugeNumber reports whether a number of either document is beyond float64.
func (f facts) hugeNumber() bool {
	for _, doc := range [][]byte{f.header, f.payload} {
		dec := json.NewDecoder(bytes.NewReader(doc))
		dec.UseNumber()
		for {
			token, err := dec.Token()
			if err != nil {
				break
			}
			if number, ok := token.(json.Number); ok {
				if _, err := number.Float64(); err != nil {
					return true
				}
			}
		}
	}
	return false
}
