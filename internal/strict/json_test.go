package strict_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/internal/strict"
)

func nested(depth int) string { return strings.Repeat("[", depth) + strings.Repeat("]", depth) }

func TestObject(t *testing.T) {
	for _, tc := range []struct {
		rule, doc string
		want      error
	}{
		{"empty", `{}`, nil},
		{"white space around", " {} \n", nil},
		{"names that differ in case", `{"a":1,"A":1}`, nil},
		{"a name that Unicode folds onto another", "{\"s\":1,\"\u017f\":1}", nil},
		{"no bytes", ``, strict.ErrNotObject},
		{"an array", `[]`, strict.ErrNotObject},
		{"a string", `"{}"`, strict.ErrNotObject},
		{"null", `null`, strict.ErrNotObject},
		{"a byte order mark", "\ufeff{}", strict.ErrNotObject},
		{"two objects", `{}{}`, strict.ErrTrailing},
		{"bytes after it", "{}\x00", strict.ErrTrailing},
		{"truncated", `{"a":1`, strict.ErrSyntax},
		{"a trailing comma", `{"a":1,}`, strict.ErrSyntax},
		{"a comment", `{"a":1/**/}`, strict.ErrSyntax},
		{"single quotation marks", `{'a':1}`, strict.ErrSyntax},
		{"NaN", `{"a":NaN}`, strict.ErrSyntax},
		{"invalid UTF-8 (RFC 8259 section 8.1)", "{\"a\":\"\xff\"}", strict.ErrSyntax},
		{"a lone surrogate (RFC 8259 section 8.2)", `{"a":"\ud800"}`, strict.ErrSyntax},
		{"a duplicate name (RFC 7515 section 4)", `{"a":1,"a":2}`, strict.ErrSyntax},
		{"a duplicate name, written with an escape", `{"a":1,"\u0061":2}`, strict.ErrSyntax},
		{"a duplicate name further down", `{"x":[{"a":1,"a":2}]}`, strict.ErrSyntax},
		{"as deep as allowed", `{"a":` + nested(32) + `}`, nil},
		{"one level deeper", `{"a":` + nested(33) + `}`, strict.ErrTooDeep},
		{"deep after closing brackets in a string", `{"a":"\"` + strings.Repeat("]", 3000) + `","b":` + nested(1500) + `}`, strict.ErrTooDeep},
		{"many brackets in a string", `{"a":"` + nested(2000) + `"}`, nil},
		{"many brackets on one level", `{"a":[` + strings.Repeat("[],", 2000) + `0]}`, nil},
	} {
		t.Run(tc.rule, func(t *testing.T) {
			require.ErrorIs(t, strict.Object(tc.doc, func(string, string) error { return nil }), tc.want)
			require.ErrorIs(t, strict.Members(tc.doc, func(strict.Member) error { return nil }), tc.want)
		})
	}
}

func TestObjectDeliversMembersAsWritten(t *testing.T) {
	const doc = ` { "a" : 1 , "\u0062":"\u0063" , "d": { "e" : [ ] } } `
	var names, values []string
	require.NoError(t, strict.Object(doc, func(name, value string) error {
		names, values = append(names, name), append(values, value)
		return nil
	}))
	assert.Equal(t, []string{"a", "b", "d"}, names)
	assert.Equal(t, []string{`1`, `"\u0063"`, `{ "e" : [ ] }`}, values)

	var literals []string
	require.NoError(t, strict.Members(doc, func(m strict.Member) error {
		literals = append(literals, m.Name.Of(doc)+"="+m.Value.Of(doc))
		return nil
	}))
	assert.Equal(t, []string{`"a"=1`, `"\u0062"="\u0063"`, `"d"={ "e" : [ ] }`}, literals)
}

func TestErrorOfVisitEndsTheIteration(t *testing.T) {
	stop := errors.New("stop")
	calls := 0
	visit := func() error { calls++; return stop }
	require.Equal(t, stop, strict.Object(`{"a":1,"b":2}`, func(string, string) error { return visit() }))
	require.Equal(t, stop, strict.Members(`{"a":1,"b":2}`, func(strict.Member) error { return visit() }))
	require.Equal(t, stop, strict.Elements(`[1,2]`, func(string) error { return visit() }))
	assert.Equal(t, 3, calls)
}

// A visit function may call Object with the value that it receives.
func TestObjectsCanBeReadWithinObjects(t *testing.T) {
	var names []string
	require.NoError(t, strict.Object(`{"a":{"b":1},"c":{"d":2}}`, func(outer, value string) error {
		return strict.Object(value, func(inner, _ string) error {
			names = append(names, outer+"."+inner)
			return nil
		})
	}))
	assert.Equal(t, []string{"a.b", "c.d"}, names)
}

func TestElements(t *testing.T) {
	var elements []string
	require.NoError(t, strict.Elements(`[ 1 , "a", [ ], {} ]`, func(element string) error {
		elements = append(elements, element)
		return nil
	}))
	assert.Equal(t, []string{`1`, `"a"`, `[ ]`, `{}`}, elements)
	for value, want := range map[string]error{
		``: strict.ErrNotArray, `{}`: strict.ErrNotArray, `"[]"`: strict.ErrNotArray, `1`: strict.ErrNotArray,
		`[1`: strict.ErrSyntax, `[1,]`: strict.ErrSyntax,
	} {
		assert.ErrorIs(t, strict.Elements(value, func(string) error { return nil }), want, value)
	}
}

func TestStrings(t *testing.T) {
	for value, want := range map[string][]string{
		`"a b"`: {"a b"}, `["a","b\u0063"]`: {"a", "bc"}, `[]`: nil,
	} {
		list, ok := strict.Strings(value)
		assert.True(t, ok, value)
		assert.Equal(t, want, list)
	}
	for _, value := range []string{``, `1`, `null`, `{}`, `["a",1]`, `[["a"]]`, `["a",null]`} {
		_, ok := strict.Strings(value)
		assert.False(t, ok, value)
	}
}

func TestUnquote(t *testing.T) {
	for literal, want := range map[string]string{
		`""`: "", `"a"`: "a", `"\u0061\n\""`: "a\n\"", `"é"`: "é",
	} {
		got, err := strict.Unquote(literal)
		require.NoError(t, err)
		assert.Equal(t, want, got)
	}
	for literal, want := range map[string]error{
		``: strict.ErrNotString, `"`: strict.ErrNotString, `1`: strict.ErrNotString, `null`: strict.ErrNotString,
		`["a"]`: strict.ErrNotString, `"\x"`: strict.ErrSyntax,
	} {
		_, err := strict.Unquote(literal)
		assert.ErrorIs(t, err, want, literal)
	}
}

// FuzzObject compares Object with encoding/json. Both must read the same from every document that
// Object accepts.
func FuzzObject(f *testing.F) {
	for _, seed := range []string{
		`{}`, `{"a":1,"a":2}`, `{"a":{"b":[1,"\u00e9",null]}}`, `{"\u0061":1e400}`, ` {"a" : "b"} `, `[1]`, `{"a":"\ud800"}`,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, doc string) {
		got := map[string]string{}
		if strict.Object(doc, func(name, value string) error { got[name] = value; return nil }) != nil {
			return
		}
		want := map[string]json.RawMessage{}
		if err := json.Unmarshal([]byte(doc), &want); err != nil {
			t.Fatalf("accepted %q: %v", doc, err)
		}
		if len(got) != len(want) {
			t.Fatalf("read %d members of %q, encoding/json %d", len(got), doc, len(want))
		}
		for name, value := range want {
			if got[name] != string(bytes.TrimSpace(value)) {
				t.Fatalf("%q is %q, encoding/json says %q", name, got[name], value)
			}
			readAsArray(t, string(value))
		}
	})
}

// readAsArray compares Elements and Unquote with encoding/json.
func readAsArray(t *testing.T, value string) {
	t.Helper()
	var want []json.RawMessage
	isArray := json.Unmarshal([]byte(value), &want) == nil && value != "null"
	n := 0
	err := strict.Elements(value, func(element string) error {
		if n >= len(want) || element != string(bytes.TrimSpace(want[n])) {
			t.Fatalf("element %d of %q is %q", n, value, element)
		}
		n++
		var text string
		isString := json.Unmarshal([]byte(element), &text) == nil && element != "null"
		if got, err := strict.Unquote(element); (err == nil) != isString || got != text {
			t.Fatalf("%s is %q, encoding/json says %q", element, got, text)
		}
		return nil
	})
	if (err == nil) != isArray || n != len(want) {
		t.Fatalf("%d elements of %q: %v", n, value, err)
	}
}
