package issuerfile

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// mistakes are what is wrong with the file.
type mistakes []error

func (m *mistakes) add(at jsontext.Pointer, format string, args ...any) {
	*m = append(*m, fmt.Errorf("issuerfile: %s: %w", at, fmt.Errorf(format, args...)))
}

// An object is a JSON object of the file, whose members are taken one by one. One that is
// left is a mistake.
type object struct {
	at       jsontext.Pointer
	members  map[string]jsontext.Value // that were not taken yet
	taken    map[string]bool
	mistakes *mistakes
}

func newObject(at jsontext.Pointer, value jsontext.Value, m *mistakes) *object {
	o := &object{at: at, taken: make(map[string]bool), mistakes: m}
	if value.Kind() != '{' || json.Unmarshal(value, &o.members) != nil { // it is valid JSON
		m.add(at, "it must be an object")
	}
	return o
}

func (o *object) place(name string) jsontext.Pointer { return o.at.AppendToken(name) }

func (o *object) mistake(name, format string, args ...any) {
	o.mistakes.add(o.place(name), format, args...)
}

// has reports whether the object has this member, taken or not.
func (o *object) has(name string) bool { return o.taken[name] || o.members[name] != nil }

// take reads a member into a value, which stays as it is if the member is missing or a mistake.
// want says what the member must be.
func take[T any](o *object, name, want string, into *T) {
	value := o.members[name]
	if value == nil {
		return
	}
	o.taken[name] = true
	delete(o.members, name)
	place := o.place(name)
	if at, problem := findMistake(name, value); problem != "" {
		o.mistakes.add(place+at, "%s", problem)
		return
	}
	var read T
	err := json.Unmarshal(value, &read, json.RejectUnknownMembers(true))
	if wrong, ok := errors.AsType[*json.SemanticError](err); ok {
		place += wrong.JSONPointer
	}
	if err != nil {
		o.mistakes.add(place, "the member must be %s", want)
		return
	}
	*into = read
}

const isEmpty = "it is empty: a value that is missing must not end a check; to use the default, leave the member out"

// findMistake returns the place of a mistake, and what is wrong there. It finds a null, an empty
// string, list or object, and a list that is too long. An empty token type means a token without
// one. A null in the list of a claim rule means an absent claim.
func findMistake(member string, value jsontext.Value) (at jsontext.Pointer, problem string) {
	d := jsontext.NewDecoder(bytes.NewReader(value))
	for {
		token, err := d.ReadToken()
		if err != nil {
			return "", ""
		}
		parent, count := d.StackIndex(d.StackDepth())
		isName := parent == '{' && count%2 == 1
		switch kind := token.Kind(); {
		case parent == '[' && count > maxElements:
			return d.StackPointer().Parent(), fmt.Sprintf("it has more than %d elements", maxElements)
		case kind == 'n' && (member != "claim_rules" || d.StackDepth() < 2), // of the object, and of its lists
			kind == '"' && !isName && token.String() == "" && member != "token_types",
			kind == '{' && d.PeekKind() == '}',
			kind == '[' && d.PeekKind() == ']':
			return d.StackPointer(), isEmpty
		}
	}
}

func (o *object) list(name string, into *[]string) {
	take(o, name, "a list of strings", into)
}

func (o *object) duration(name string, into *time.Duration) {
	var text string
	if take(o, name, `a duration such as "90s"`, &text); text == "" {
		return
	}
	switch d, err := time.ParseDuration(text); {
	case err != nil:
		o.mistake(name, `%q is not a duration such as "90s"`, text)
	case d == 0:
		o.mistake(name, "%q would mean the default; to use it, leave the member out", text)
	default:
		*into = d
	}
}

// required returns a string that must be there.
func (o *object) required(name string) (text string) {
	if !o.has(name) {
		o.mistake(name, "it is required")
	}
	take(o, name, "a string", &text)
	return text
}

// requiredList returns a list that must be there.
func (o *object) requiredList(name string) (list []string) {
	if !o.has(name) {
		o.mistake(name, "it is required")
	}
	o.list(name, &list)
	return list
}

// optionalList returns a list, or nil.
func (o *object) optionalList(name string) (list []string) {
	o.list(name, &list)
	return list
}

// end reports the members that are left.
func (o *object) end() {
	for _, name := range slices.Sorted(maps.Keys(o.members)) {
		o.mistake(name, "there is no such member")
	}
}

// readList returns the values of the list that is the whole document.
func readList(document []byte) (list []jsontext.Value, err error) {
	if len(document) > maxBytes {
		return nil, fmt.Errorf("issuerfile: the file is longer than %d bytes", maxBytes)
	}
	err = json.Unmarshal(document, &list)
	if syntax, ok := errors.AsType[*jsontext.SyntacticError](err); ok {
		line := 1 + bytes.Count(document[:min(int(syntax.ByteOffset), len(document))], []byte("\n"))
		return nil, fmt.Errorf("issuerfile: line %d: %w", line, err)
	}
	if err != nil || len(list) == 0 {
		return nil, errors.New("issuerfile: the file must be a list of at least one issuer")
	}
	return list, nil
}
