package claims

import (
	"errors"
	"slices"
	"strings"

	"github.com/bearerguard/bearerguard/internal/strict"
)

// parsePayload reads a payload. It checks the JSON types of the claims that a decision can
// rest on, not their values.
func parsePayload(payload string) (*Claims, error) {
	c := newClaims(payload)
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

// malformed returns a refusal that names a part of the token. The text of err must be fixed,
// like the ones of package strict and of ofMember: it must hold no bytes of the token.
func malformed(part string, err error) error {
	return refuse(ErrMalformed, part+": "+err.Error())
}

// ofMember returns err with the name of the member that has a wrong type, or nil for nil. Only
// names that this package knows can have an error, so name is not a stranger's text.
func ofMember(name string, err error) error {
	if err == nil {
		return nil
	}
	return errors.New(name + ": " + err.Error())
}

const null = "null"

// nullClaims are the claims whose null is absence. Serializers write null for a claim that has
// no value. cnf is not one of them: null must not make a bound token a bearer token.
var nullClaims = []string{"iss", "sub", "aud", "exp", "nbf", "iat", "jti", "client_id", "azp"}

// read stores the claim of one member, if this package uses it.
func (c *Claims) read(m strict.Member) error {
	name, err := strict.Unquote(m.Name.Of(c.text))
	if err != nil {
		return err
	}
	value := m.Value.Of(c.text)
	if value == null && slices.Contains(nullClaims, name) {
		return nil
	}
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
	case "sid":
		c.sessionID, _ = strict.Unquote(value) // see Claims.SessionID
	case "exp":
		c.expiresAt, err = strict.NumericDate(value)
	case "nbf":
		c.notBefore, err = strict.NumericDate(value)
	case "iat":
		// One that is not a NumericDate counts as absent. With MaxLifetime it is refused.
		c.issuedAt, _ = strict.NumericDate(value)
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

// readVendorClientID stores cid or appid if it is a string. These names are not registered:
// other issuers may use them for something else, so another type does not refuse the token.
func (c *Claims) readVendorClientID(name, value string) {
	if id, err := strict.Unquote(value); err == nil {
		c.clientIDs[slices.Index(clientIDClaims[:], name)] = id
	}
}

// checkAudience requires a string or an array of strings (RFC 7519 section 4.1.3).
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

// hasContent reports whether a claim is present and neither null nor an empty string, array or
// object.
func (c *Claims) hasContent(name string) bool {
	value, _ := c.topLevel(name)
	return c.has(name) && value != `""` && !isEmptyArray(value) && !isEmptyObject(value)
}

// hasEmptyAudience reports whether aud is an array without elements.
func (c *Claims) hasEmptyAudience() bool {
	return isEmptyArray(c.audience.Of(c.text))
}

func isEmptyArray(value string) bool {
	return value != "" && value[0] == '[' && strings.Trim(value[1:len(value)-1], " \t\r\n") == ""
}

func isEmptyObject(value string) bool {
	return value[0] == '{' && strings.Trim(value[1:len(value)-1], " \t\r\n") == ""
}

// hasAudience reports whether aud has one of audiences, compared byte by byte.
func (c *Claims) hasAudience(audiences []string) bool {
	value := c.audience.Of(c.text)
	return slices.ContainsFunc(audiences, func(audience string) bool { return strict.HasString(value, audience) })
}

// resolveScopes takes the scopes from the first claim of paths that is present. Claims are never
// merged: later ones are ignored, even if the first is null, empty or of a wrong type.
// If allowed is not nil, scopes that it lacks are dropped.
func (c *Claims) resolveScopes(paths [][]string, allowed []string) {
	c.readScopes(paths)
	if allowed != nil {
		unlisted := func(scope string) bool { return !slices.Contains(allowed, scope) }
		c.scopeList, c.scopeText = slices.DeleteFunc(c.Scopes(), unlisted), ""
	}
}

func (c *Claims) readScopes(paths [][]string) {
	for _, path := range paths {
		value, kind := c.listAt(path)
		switch {
		case kind == absent:
			continue
		case kind == values && value[0] == '"':
			c.scopeText, _ = strict.Unquote(value)
		default:
			c.scopeList = kind.list(value)
		}
		return
	}
}

// A listKind says where in a JSON text a list of strings is.
type listKind uint8

const (
	absent listKind = iota
	values          // a string, or the elements of an array
	names           // the names of the members of an object
)

// everyName is the last name of a path that leads to the names of an object's members.
const everyName = "*"

// listAt returns the JSON text that has the list of strings at path.
func (c *Claims) listAt(path []string) (string, listKind) {
	kind := values
	if last := len(path) - 1; last > 0 && path[last] == everyName {
		path, kind = path[:last], names
	}
	value, ok := c.at(path)
	if !ok {
		return "", absent
	}
	return value, kind
}

func (k listKind) list(value string) (list []string) {
	switch k {
	case values:
		list, _ = strict.Strings(value)
	case names:
		list = strict.Names(value)
	}
	return list
}

func (k listKind) has(value, want string) bool {
	switch k {
	case values:
		return strict.HasString(value, want)
	case names:
		_, ok := strict.Lookup(value, want)
		return ok
	}
	return false
}

// has reports whether a top-level claim is present. null is absence, and so is an iat that is
// not a NumericDate.
func (c *Claims) has(name string) bool {
	if name == "iat" {
		return !c.issuedAt.IsZero()
	}
	value, ok := c.topLevel(name)
	return ok && value != null
}

// stringClaim returns a top-level claim, and false if it is absent or not a string.
func (c *Claims) stringClaim(name string) (string, bool) {
	value, ok := c.topLevel(name)
	if !ok {
		return "", false
	}
	s, err := strict.Unquote(value)
	return s, err == nil
}

// at returns the JSON text of the claim at path, and whether it is present.
func (c *Claims) at(path []string) (string, bool) {
	if c.isEmpty() || len(path) == 0 {
		return "", false
	}
	value, ok := c.topLevel(path[0])
	for _, name := range path[1:] {
		if !ok {
			return "", false
		}
		value, ok = strict.Lookup(value, name)
	}
	return value, ok
}

// topLevel returns the JSON text of a member of the payload, and whether it is present.
func (c *Claims) topLevel(name string) (string, bool) {
	for _, m := range c.members {
		if strict.IsName(m.Name.Of(c.text), name) {
			return m.Value.Of(c.text), true
		}
	}
	return "", false
}
