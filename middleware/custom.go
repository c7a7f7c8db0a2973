package middleware

import (
	"bytes"
	"context"
	"fmt"
	"reflect"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/bearerguard/bearerguard/claims"
)

// CustomClaims is [PolicyFunc] for claims decoded into T, as [claims.As] does. Claims that
// do not fit T deny. So does a null, unless its field is a pointer, an interface, or of a
// type that decodes itself. A missing claim leaves its field zero, so allow must deny the
// zero value.
//
//	type account struct {
//		Suspended *bool `json:"suspended"` // nil if the issuer does not say
//	}
//
// CustomClaims panics if allow is nil, if no claims can be decoded into T, and if a field of
// T, at any depth, does not name its claim in a json tag. Names are compared with case, so
// the field Suspended without a tag never gets the claim suspended.
func CustomClaims[T any](allow func(ctx context.Context, custom T) error) Policy {
	if allow == nil {
		panic("middleware: CustomClaims needs a function")
	}
	t := reflect.TypeFor[T]()
	wanted, err := shapes{}.of(t, t.String())
	if err == nil {
		err = decodable[T]()
	}
	if err != nil {
		panic("middleware: CustomClaims: " + err.Error())
	}
	return Policy{custom: true, allows: func(ctx context.Context, c *claims.Claims) error {
		custom := custom[T]{wanted: wanted}
		if err := c.Decode(&custom); err != nil {
			return err
		}
		return allow(ctx, custom.value)
	}}
}

// decodable returns an error if no claims can be decoded into T. A type that decodes itself
// may need a claim.
func decodable[T any]() error {
	if decodesItself(reflect.TypeFor[T]()) {
		return nil
	}
	none, err := claims.ParseUnverified([]byte(`{}`))
	if err == nil {
		_, err = claims.As[T](none)
	}
	return err
}

// A custom decodes claims into a T.
type custom[T any] struct {
	value  T
	wanted *shape
}

// UnmarshalJSONFrom implements [json.UnmarshalerFrom]. The decoder of [claims.Claims.Decode]
// has the whole payload in its buffer, which the tests for null rely on.
func (c *custom[T]) UnmarshalJSONFrom(d *jsontext.Decoder) error {
	if !bytes.Contains(d.UnreadBuffer(), []byte("null")) {
		return json.UnmarshalDecode(d, &c.value)
	}
	payload, err := d.ReadValue()
	if err != nil {
		return err
	}
	if err := c.wanted.refuseNull(jsontext.NewDecoder(bytes.NewReader(payload))); err != nil {
		return err
	}
	return json.Unmarshal(payload, &c.value)
}

const errNull = detail("null where a value is wanted")

// refuseNull reads a value, and returns an error if a part of it is null that must not be.
// Decoded, null is the zero value, and a "suspended" of null would be false.
func (s *shape) refuseNull(d *jsontext.Decoder) error {
	kind := d.PeekKind()
	switch {
	case s == nil:
		return d.SkipValue() // of a claim that is not decoded
	case kind == 'n' && !s.nullable:
		return errNull
	case kind != '{' && kind != '[':
		return d.SkipValue()
	case s.to != nil:
		return s.to.refuseNull(d)
	}
	begin, err := d.ReadToken()
	if err != nil {
		return err
	}
	object := begin.Kind() == '{'
	for kind := d.PeekKind(); kind != '}' && kind != ']'; kind = d.PeekKind() {
		part := s.elements
		if object {
			name, err := d.ReadToken()
			if err != nil {
				return err
			}
			if member, ok := s.members[name.String()]; ok {
				part = member
			}
		}
		if err := part.refuseNull(d); err != nil {
			return fmt.Errorf("%w: %s", err, d.StackPointer())
		}
	}
	_, err = d.ReadToken()
	return err
}
