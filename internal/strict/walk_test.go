package strict_test

import (
	"encoding/json"
	"maps"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/internal/strict"
)

// valueIn returns the value of the member x, as Object gives it.
func valueIn(t testing.TB, doc string) (value string) {
	t.Helper()
	require.NoError(t, strict.Object(doc, func(_, v string) error { value = v; return nil }))
	return value
}

func TestLookup(t *testing.T) {
	object := valueIn(t, `{"x": { "a" : [1,{"b":"}"}] , "b":"\"]" ,"\u0063": null,"d\\":-1e5,"":{}} }`)
	for name, want := range map[string]string{
		"a": `[1,{"b":"}"}]`, "b": `"\"]"`, "c": `null`, `d\`: `-1e5`, "": `{}`,
	} {
		got, ok := strict.Lookup(object, name)
		assert.True(t, ok, name)
		assert.Equal(t, want, got)
	}
	for _, name := range []string{"A", "d", `d\\`, "1", `"]`, `\u0063`} {
		_, ok := strict.Lookup(object, name)
		assert.False(t, ok, name)
	}
	for _, value := range []string{``, `null`, `1`, `"a"`, `["a","b"]`, `{}`} {
		_, ok := strict.Lookup(value, "a")
		assert.False(t, ok, value)
	}
}

func TestNames(t *testing.T) {
	assert.Equal(t, []string{"a", "bc", ""}, strict.Names(valueIn(t, `{"x":{"a":{"d":1},"b\u0063":"e","":[]}}`)))
	for _, value := range []string{``, `{}`, `null`, `"a"`, `["a"]`} {
		assert.Empty(t, strict.Names(value), value)
	}
}

func TestHasString(t *testing.T) {
	for _, value := range []string{`"a"`, `["a"]`, `[ "b" , "a" ]`, `["\u0061"]`, `"\u0061"`} {
		assert.True(t, strict.HasString(value, "a"), value)
	}
	for _, value := range []string{``, `null`, `1`, `"b"`, `"a "`, `"A"`, `[]`, `["b"]`, `{"a":"a"}`, `[["a"]]`, `["a",1]`, `["a",null]`, `[1,"a"]`} {
		assert.False(t, strict.HasString(value, "a"), value)
	}
}

// FuzzWalk holds what is read in place to encoding/json, for each document that Object accepts.
func FuzzWalk(f *testing.F) {
	for _, seed := range []string{
		`{"a":{"b":["c",{"d":"]}\\\""}],"e":1}}`, `{"a":["\u0062","\\","\"",""]}`, `{"a" : [ 1 , true,null ] }`,
		`{"a":{"\u0061":{},"*":[]}}`, `{"a":"b\"c"}`, `{"a":[[],[["x"]]]}`, `{"a":-0.5e+7}`,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, doc string) {
		var values []string
		if strict.Object(doc, func(_, value string) error { values = append(values, value); return nil }) != nil {
			return
		}
		for _, value := range values {
			walkLikeJSON(t, value)
		}
	})
}

func walkLikeJSON(t *testing.T, value string) {
	var object map[string]json.RawMessage
	_ = json.Unmarshal([]byte(value), &object) // nil for another type
	require.ElementsMatch(t, slices.Collect(maps.Keys(object)), strict.Names(value))
	for name, want := range object {
		got, ok := strict.Lookup(value, name)
		require.True(t, ok)
		require.JSONEq(t, string(want), got)
		walkLikeJSON(t, got)
	}
	_, ok := strict.Lookup(value, "no such name")
	require.Equal(t, object["no such name"] != nil, ok)

	want, isList := stringsLikeJSON(value)
	got, ok := strict.Strings(value)
	require.Equal(t, isList, ok)
	require.Equal(t, want, got)
	for _, s := range want {
		require.True(t, strict.HasString(value, s))
	}
	require.Equal(t, slices.Contains(want, "no such value"), strict.HasString(value, "no such value"))
}

// stringsLikeJSON is strict.Strings by encoding/json, which takes null for a string.
func stringsLikeJSON(value string) (list []string, ok bool) {
	var one string
	if value[0] == '"' && json.Unmarshal([]byte(value), &one) == nil {
		return []string{one}, true
	}
	var elements []any
	if value[0] != '[' || json.Unmarshal([]byte(value), &elements) != nil {
		return nil, false
	}
	for _, element := range elements {
		s, ok := element.(string)
		if !ok {
			return nil, false
		}
		list = append(list, s)
	}
	return list, true
}
