package claims

import (
	"errors"
	"slices"

	"github.com/bearerguard/bearerguard/internal/strict"
)

// parse reads a payload. It judges the type of each claim that this package reads,
// and of no other, and no claim's value: JSON null is a wrong type, only absence is
// absence.
func parse(payload string) (*Claims, error) {
	c := &Claims{text: payload}
	c.members = c.first[:0]
	err := strict.Members(payload, func(m strict.Member) error {
		c.members = append(c.members, m)
		return c.read(m)
	})
	if err != nil {
		return nil, malformed("payload", err)
	}
	return c, nil
}

// malformed returns a refusal of a part of the token. The texts of package strict, and of
// the claims that are read here, hold no bytes of the token.
func malformed(part string, err error) error {
	return refuse(ErrMalformed, part+": "+err.Error())
}

// ofMember prefixes err, if any, with the name of the member that has a wrong type. Only names
// that this package reads have errors, so the name is not a stranger's text.
func ofMember(name string, err error) error {
	if err == nil {
		return nil
	}
	return errors.New(name + ": " + err.Error())
}

// read stores the claim of one member, if it is one that this package reads.
func (c *Claims) read(m strict.Member) error {
	name, err := strict.Unquote(m.Name.Of(c.text))
	if err != nil {
		return err
	}
	value := m.Value.Of(c.text)
	switch name {
	case "iss":
		c.issuer, err = strict.Unquote(value)
	case "sub":
		c.subject, err = strict.Unquote(value)
	case "jti":
		c.id, err = strict.Unquote(value)
	case "client_id":
		c.clientIDs[0], err = strict.Unquote(value)
	case "azp":
		c.clientIDs[1], err = strict.Unquote(value)
	case "cid", "appid":
		c.readVendorClientID(name, value)
	case "exp":
		c.expiresAt, err = strict.NumericDate(value)
	case "nbf":
		c.notBefore, err = strict.NumericDate(value)
	case "iat":
		c.issuedAt, err = strict.NumericDate(value)
	case "aud":
		c.audience, err = m.Value, checkAudience(value)
	case "cnf":
		c.confirmation, err = m.Value, checkObject(value)
	case "nonce":
		c.nonce = true
	case "at_hash", "c_hash", "s_hash", "events":
		c.otherKind = true
	}
	return ofMember(name, err)
}

// readVendorClientID takes cid or appid only if it is a string. They are no registered
// names: elsewhere a cid may be a customer's number, which is no reason to refuse.
func (c *Claims) readVendorClientID(name, value string) {
	if id, err := strict.Unquote(value); err == nil {
		c.clientIDs[slices.Index(clientIDClaims[:], name)] = id
	}
}

// checkAudience demands a string or an array of strings (RFC 7519 section 4.1.3).
func checkAudience(value string) error {
	if value[0] == '"' {
		return nil
	}
	return strict.Elements(value, func(element string) error {
		if element[0] != '"' {
			return strict.ErrNotString
		}
		return nil
	})
}

func checkObject(value string) error {
	if value[0] != '{' {
		return strict.ErrNotObject
	}
	return nil
}

// hasAudience reports whether aud names one of audiences, compared byte by byte. It
// does not build the list, which a hostile token could make long.
func (c *Claims) hasAudience(audiences []string) bool {
	value := c.audience.Of(c.text)
	if value == "" {
		return false
	}
	found := false
	match := func(literal string) error {
		audience, err := strict.Unquote(literal)
		found = found || err == nil && slices.Contains(audiences, audience)
		return err
	}
	if value[0] == '"' {
		return match(value) == nil && found
	}
	return strict.Elements(value, match) == nil && found
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
			c.scopeText, _ = strict.Unquote(value)
			return
		}
		if list, ok := strict.Strings(value); ok {
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
	s, err := strict.Unquote(value)
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
		if isName(m.Name.Of(c.text), name) {
			return m.Value.Of(c.text), true
		}
	}
	return "", false
}

// memberOf returns the value of a member of object, and false if object is none.
func memberOf(object, name string) (value string, ok bool) {
	if object[0] != '{' {
		return "", false
	}
	err := strict.Object(object, func(n, v string) error {
		if n == name {
			value, ok = v, true
		}
		return nil
	})
	return value, ok && err == nil
}

func isName(literal, name string) bool {
	got, err := strict.Unquote(literal)
	return err == nil && got == name
}
