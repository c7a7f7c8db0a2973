package strict

import "strings"

// The functions of this file read values in place and allocate nothing but their results. A
// value must be one that [Object] or [Members] gave to visit, in a document that was read to
// its end: the syntax is not checked again.

// Lookup returns the value of a member of an object, as JSON text. ok is false if value is not
// an object, or lacks the member.
func Lookup(value, name string) (member string, ok bool) {
	for w := into(value, '{'); ; {
		literal, more := w.next()
		if !more {
			return "", false
		}
		if member, _ = w.next(); IsName(literal, name) {
			return member, true
		}
	}
}

// Names returns the names of the members of an object, or nil if value is not an object.
func Names(value string) (names []string) {
	for w := into(value, '{'); ; {
		literal, more := w.next()
		if !more {
			return names
		}
		name, _ := Unquote(literal)
		names = append(names, name)
		w.next()
	}
}

// Strings returns the elements of an array of strings. A single string counts as an array of
// one. ok is false if value has any other type.
func Strings(value string) (list []string, ok bool) {
	if value != "" && value[0] == '"' {
		s, err := Unquote(value)
		return []string{s}, err == nil
	}
	n, ok := countStrings(value)
	if n == 0 {
		return nil, ok
	}
	list = make([]string, 0, n)
	for w := into(value, '['); len(list) < n; {
		literal, _ := w.next()
		s, _ := Unquote(literal)
		list = append(list, s)
	}
	return list, true
}

// countStrings returns the number of elements of an array. ok is false if value is no array,
// or one of its elements is no string.
func countStrings(value string) (n int, ok bool) {
	for w := into(value, '['); ; n++ {
		literal, more := w.next()
		switch {
		case !more:
			return n, value != "" && value[0] == '['
		case literal[0] != '"':
			return 0, false
		}
	}
}

// HasString reports whether [Strings] would return a list with want.
func HasString(value, want string) bool {
	if value != "" && value[0] == '"' {
		return IsName(value, want)
	}
	found := false
	for w := into(value, '['); ; {
		literal, more := w.next()
		switch {
		case !more:
			return found
		case literal[0] != '"':
			return false
		}
		found = found || IsName(literal, want)
	}
}

// IsName reports whether a string literal has the value name. An escape is longer than what it
// means, so only a literal that is longer than name can have one.
func IsName(literal, name string) bool {
	if len(literal) < len(name)+2 || literal[0] != '"' {
		return false
	}
	inner := literal[1 : len(literal)-1]
	switch {
	case len(inner) == len(name):
		return inner == name && strings.IndexByte(name, '\\') < 0
	case strings.IndexByte(inner, '\\') < 0:
		return false
	}
	got, err := Unquote(literal)
	return err == nil && got == name
}

// A walk is a place in the text of an array or object.
type walk struct {
	text string
	at   int
}

// into returns the place before the first value of an array or object, which must begin with
// open. In any other value, there is nothing to walk through.
func into(value string, open byte) walk {
	if value == "" || value[0] != open {
		return walk{}
	}
	return walk{value, 1}
}

// next returns the next value, as JSON text. The names of members are values too.
func (w *walk) next() (value string, ok bool) {
	for w.at < len(w.text) {
		switch w.text[w.at] {
		case ' ', '\t', '\n', '\r', ',', ':':
			w.at++
		case ']', '}':
			return "", false
		default:
			start := w.at
			w.at = endOfValue(w.text, start)
			return w.text[start:w.at], true
		}
	}
	return "", false
}

// endOfValue returns where the value ends that begins at i.
func endOfValue(text string, i int) int {
	depth := 0
	for ; i < len(text); i++ {
		switch text[i] {
		case '"':
			i = endOfString(text, i)
		case '[', '{':
			depth++
		case ']', '}':
			if depth == 0 {
				return i // of the array or object around a number, true, false or null
			}
			depth--
		case ' ', '\t', '\n', '\r', ',', ':':
			if depth == 0 {
				return i
			}
			continue
		default:
			continue // inside a number, true, false or null
		}
		if depth == 0 {
			return min(i+1, len(text))
		}
	}
	return len(text)
}

// endOfString returns the place of the quotation mark that closes the string that begins at i.
func endOfString(text string, i int) int {
	if n := strings.IndexByte(text[i+1:], '"'); n >= 0 && text[i+n] != '\\' {
		return i + 1 + n
	}
	for i++; i < len(text) && text[i] != '"'; i++ {
		if text[i] == '\\' {
			i++ // an escaped quotation mark does not end the string
		}
	}
	return i
}
