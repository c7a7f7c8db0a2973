package middleware

import (
	"encoding"
	"fmt"
	"maps"
	"reflect"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
)

// A shape is what a Go type wants of a JSON value.
type shape struct {
	nullable bool              // it can tell null from all other values
	to       *shape            // of a pointer
	members  map[string]*shape // of an object
	elements *shape            // of an array, or of an object with any members
}

// shapes are those of the types found so far, because a type can be a part of itself.
type shapes map[reflect.Type]*shape

// of returns the shape of t, or an error with the path to a field that can get no claim.
func (s shapes) of(t reflect.Type, path string) (*shape, error) {
	if known, ok := s[t]; ok {
		return known, nil
	}
	own := new(shape)
	s[t] = own
	var err error
	switch kind := t.Kind(); {
	case t == reflect.TypeFor[time.Time](), implements[encoding.TextUnmarshaler](t) && !decodesItself(t):
		// wants a string
	case decodesItself(t), kind == reflect.Interface && t.NumMethod() == 0:
		own.nullable = true
	case kind == reflect.Pointer:
		own.nullable = true
		own.to, err = s.of(t.Elem(), path)
	case kind == reflect.Slice, kind == reflect.Array, kind == reflect.Map:
		own.elements, err = s.of(t.Elem(), path)
	case kind == reflect.Struct:
		own.members = map[string]*shape{}
		for i := 0; i < t.NumField() && err == nil; i++ {
			err = s.addField(own, t.Field(i), path+"."+t.Field(i).Name)
		}
	case kind == reflect.Interface, kind == reflect.Chan, kind == reflect.Func, kind == reflect.UnsafePointer,
		kind == reflect.Complex64, kind == reflect.Complex128:
		err = fmt.Errorf("%s: no claim can be decoded into %v", path, t)
	}
	return own, err
}

// addField adds the member for the field f of a struct, or those of a struct within it.
func (s shapes) addField(to *shape, f reflect.StructField, path string) error {
	tag := f.Tag.Get("json")
	name, options, _ := strings.Cut(tag, ",")
	within := name == "" && (f.Anonymous || strings.Contains(options, "inline") || strings.Contains(options, "embed"))
	switch {
	case tag == "-", tag == "" && !f.IsExported() && !f.Anonymous:
		return nil // not decoded
	case strings.Contains(options, "case:ignore"), strings.Contains(options, "nocase"):
		return fmt.Errorf("%s: the names of claims are compared with case", path)
	case name == "" && !within, strings.HasPrefix(name, "'"):
		return fmt.Errorf("%s: its json tag must name the claim, as in `json:%q`", path, strings.ToLower(f.Name))
	}
	part, err := s.of(f.Type, path)
	if !within {
		to.members[name] = part
		return err
	}
	if part.to != nil {
		part = part.to
	}
	maps.Copy(to.members, part.members)
	to.elements = part.elements
	return err
}

// decodesItself reports whether t has a method that decodes any JSON value.
func decodesItself(t reflect.Type) bool {
	return implements[json.Unmarshaler](t) || implements[json.UnmarshalerFrom](t)
}

func implements[I any](t reflect.Type) bool {
	i := reflect.TypeFor[I]()
	return t.Implements(i) || reflect.PointerTo(t).Implements(i)
}
