package claims

import (
	"slices"
	"strings"
)

// parse reads a payload. It judges the type of each claim that this package reads,
// and of no other, and no claim's value: JSON null is a wrong type, only absence is
// absence.
func parse(payload string) (*Claims, error) {
	c := &Claims{text: payload}
	c.members = c.first[:0]
	err := readObject(payload, func(m member) error {
		c.members = append(c.members, m)
		return c.read(m)
	})
	if err != nil {
		return nil, malformed("payload", err)
	}
	return c, nil
}

// malformed names the part of the token that is, and never the bytes: errors of the
// JSON decoder may quote its input.
func malformed(part string, err error) error {
	switch err {
	case errNotObject, errTrailing, errTooDeep:
		return refuse(ErrMalformed, part+": "+err.Error())
	}
	if typed, ok := err.(*memberError); ok {
		return refuse(ErrMalformed, part+": "+typed.Error())
	}
	return refuse(ErrMalformed, part+": not strict JSON")
}

// A memberError says which member that we read is of a wrong type. The name is one of
// ours.
type memberError struct {
	name string
	err  error
}

func (e *memberError) Error() string { return e.name + ": " + e.err.Error() }

// read stores the claim of one member, if it is one that this package reads.
func (c *Claims) read(m member) error {
	name, err := unquote(m.name.of(c.text))
	if err != nil {
		return err
	}
	value := m.value.of(c.text)
	switch name {
	case "iss":
		c.issuer, err = unquote(value)
	case "sub":
		c.subject, err = unquote(value)
	case "jti":
		c.id, err = unquote(value)
	case "client_id":
		c.clientIDs[0], err = unquote(value)
	case "azp":
		c.clientIDs[1], err = unquote(value)
	case "cid", "appid":
		c.readVendorClientID(name, value)
	case "exp":
		c.expiresAt, err = numericDate(value)
	case "nbf":
		c.notBefore, err = numericDate(value)
	case "iat":
		c.issuedAt, err = numericDate(value)
	case "aud":
		c.audience, err = m.value, checkAudience(value)
	case "cnf":
		c.confirmation, err = m.value, checkObject(value)
	case "nonce":
		c.nonce = true
	case "at_hash", "c_hash", "s_hash", "events":
		c.otherKind = true
	}
	if err != nil {
		return &memberError{strings.Clone(name), err}
	}
	return nil
}

// readVendorClientID takes cid or appid only if it is a string. They are no registered
// names: elsewhere a cid may be a customer's number, which is no reason to refuse.
func (c *Claims) readVendorClientID(name, value string) {
	if id, err := unquote(value); err == nil {
		c.clientIDs[slices.Index(clientIDClaims[:], name)] = id
	}
}

// checkAudience demands a string or an array of strings (RFC 7519 section 4.1.3).
func checkAudience(value string) error {
	if value[0] == '"' {
		return nil
	}
	return eachElement(value, func(element string) error {
		if element[0] != '"' {
			return errNotString
		}
		return nil
	})
}

func checkObject(value string) error {
	if value[0] != '{' {
		return errNotObject
	}
	return nil
}

// hasAudience reports whether aud names one of audiences, compared byte by byte. It
// does not build the list, which a hostile token could make long.
func (c *Claims) hasAudience(audiences []string) bool {
	value := c.audience.of(c.text)
	if value == "" {
		return false
	}
	found := false
	match := func(literal string) error {
		audience, err := unquote(literal)
		found = found || err == nil && slices.Contains(audiences, audience)
		return err
	}
	if value[0] == '"' {
		return match(value) == nil && found
	}
	return eachElement(value, match) == nil && found
}

// resolveScopes takes the scopes from the first claim of paths that is present, even
// if it is empty or of a wrong type: claims are never merged, and a mistyped one does
// not let a later one speak.
func (c *Claims) resolveScopes(paths [][]string) {
	for _, path := range paths {
		value, ok := c.lookup(path)
		if !ok {
			continue
		}
		if value[0] == '"' {
			c.scopeText, _ = unquote(value)
			return
		}
		if list, ok := readStrings(value); ok {
			c.scopeList = list
		}
		return
	}
}

// hasAny reports whether one of the claims at paths is present.
func (c *Claims) hasAny(paths [][]string) bool {
	return slices.ContainsFunc(paths, func(path []string) bool {
		_, ok := c.lookup(path)
		return ok
	})
}

// stringClaim returns the top-level claim of that name, and false if it is absent or
// not a string.
func (c *Claims) stringClaim(name string) (string, bool) {
	value, ok := c.top(name)
	if !ok {
		return "", false
	}
	s, err := unquote(value)
	return s, err == nil
}

// lookup returns the JSON value at path, as written.
func (c *Claims) lookup(path []string) (string, bool) {
	if c == nil || len(path) == 0 {
		return "", false
	}
	value, ok := c.top(path[0])
	for _, name := range path[1:] {
		if !ok {
			return "", false
		}
		value, ok = memberOf(value, name)
	}
	return value, ok
}

func (c *Claims) top(name string) (string, bool) {
	for _, m := range c.members {
		if isName(m.name.of(c.text), name) {
			return m.value.of(c.text), true
		}
	}
	return "", false
}

// memberOf returns the value of a member of object, and false if object is none.
func memberOf(object, name string) (value string, ok bool) {
	if object[0] != '{' {
		return "", false
	}
	err := readObject(object, func(m member) error {
		if isName(m.name.of(object), name) {
			value, ok = m.value.of(object), true
		}
		return nil
	})
	return value, ok && err == nil
}

func isName(literal, name string) bool {
	got, err := unquote(literal)
	return err == nil && got == name
}
