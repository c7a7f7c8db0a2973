package claims

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/bearerguard/bearerguard/internal/strict"
)

// Claims are what a token claims. They are immutable: every accessor returns a value
// or a copy, so one Claims is shared safely by any number of requests. The methods of
// a nil *Claims answer with zero values.
//
// A claim that the methods do not name is read with [Claims.Strings], [As] or
// [Claims.Decode].
type Claims struct {
	text    string            // the payload, as signed
	members []strict.Member   // of the payload's object
	first   [16]strict.Member // room for them, which suffices for most tokens

	issuer, subject, id            string
	clientIDs                      [len(clientIDClaims)]string
	expiresAt, notBefore, issuedAt time.Time
	audience, confirmation         strict.Span // of their values; empty if absent
	otherKind                      bool        // carries a claim that marks another kind of token
	nonce                          bool
	scopeText                      string   // scopes as one string, separated by spaces
	scopeList                      []string // scopes as an array
}

// clientIDClaims names the claims that hold the client's identifier, first one first:
// RFC 9068, OpenID Connect, Okta, Entra ID v1.
var clientIDClaims = [...]string{"client_id", "azp", "cid", "appid"}

// defaultScopeClaims are where scopes are found unless an Issuer says otherwise: RFC
// 8693 section 4.2, and the name that Entra ID and Okta use.
var defaultScopeClaims = [][]string{{"scope"}, {"scp"}}

// ParseUnverified reads a payload, a JSON object, without any check of what it claims.
// It is for tests of handlers, with [NewContext]; nothing else should trust its result.
// Scopes are found in "scope", or else in "scp". The error matches [ErrMalformed].
func ParseUnverified(payload []byte) (*Claims, error) {
	c, err := parsePayload(string(payload))
	if err != nil {
		return nil, err
	}
	c.resolveScopes(defaultScopeClaims)
	return c, nil
}

// Issuer returns iss (RFC 7519 section 4.1.1).
func (c *Claims) Issuer() string {
	if c == nil {
		return ""
	}
	return c.issuer
}

// Subject returns sub (RFC 7519 section 4.1.2), or "" if there is none. It is unique
// within the issuer only, and does not share a name space with [Claims.ClientID] (RFC
// 9700 section 4.15).
func (c *Claims) Subject() string {
	if c == nil {
		return ""
	}
	return c.subject
}

// ClientID returns the identifier of the client that the token was issued to: the
// first that is present of client_id (RFC 9068 section 2.2), azp, cid and appid, or ""
// if there is none.
func (c *Claims) ClientID() string {
	if c == nil {
		return ""
	}
	for _, id := range c.clientIDs {
		if id != "" {
			return id
		}
	}
	return ""
}

// ID returns jti (RFC 7519 section 4.1.7), or "" if there is none.
func (c *Claims) ID() string {
	if c == nil {
		return ""
	}
	return c.id
}

// Audience returns the values of aud (RFC 7519 section 4.1.3), none if it is absent.
func (c *Claims) Audience() []string {
	if c == nil {
		return nil
	}
	list, _ := strict.Strings(c.audience.Of(c.text))
	return list
}

// ExpiresAt returns exp (RFC 7519 section 4.1.4) in UTC. A verified token always has it.
func (c *Claims) ExpiresAt() time.Time {
	if c == nil {
		return time.Time{}
	}
	return c.expiresAt
}

// NotBefore returns nbf (RFC 7519 section 4.1.5) in UTC, or the zero time if there is
// none.
func (c *Claims) NotBefore() time.Time {
	if c == nil {
		return time.Time{}
	}
	return c.notBefore
}

// IssuedAt returns iat (RFC 7519 section 4.1.6) in UTC, or the zero time if there is
// none.
func (c *Claims) IssuedAt() time.Time {
	if c == nil {
		return time.Time{}
	}
	return c.issuedAt
}

// Scopes returns the scopes in the token's order. They come from the first of the
// issuer's scope claims that is present: from a string, split at spaces alone (RFC 6749
// section 3.3), or from an array of strings, an element each. A claim of another type
// holds no scopes.
func (c *Claims) Scopes() []string {
	if c == nil {
		return nil
	}
	if c.scopeList != nil {
		return slices.Clone(c.scopeList)
	}
	return slices.DeleteFunc(strings.Split(c.scopeText, " "), func(s string) bool { return s == "" })
}

// HasScope reports whether scope is among [Claims.Scopes], compared byte by byte. It
// allocates nothing.
func (c *Claims) HasScope(scope string) bool {
	if c == nil || scope == "" {
		return false
	}
	if c.scopeList != nil {
		return slices.Contains(c.scopeList, scope)
	}
	for rest := c.scopeText; rest != ""; {
		var next string
		next, rest, _ = strings.Cut(rest, " ")
		if next == scope {
			return true
		}
	}
	return false
}

// Strings returns the values of the claim at path, which names a member of the
// payload and then of each object within: Strings("realm_access", "roles"). A string
// is one value, whatever it holds; an array of strings is its elements. It returns nil
// if the claim is absent or of any other type, so that a mistyped claim grants nothing.
func (c *Claims) Strings(path ...string) []string {
	value, ok := c.at(path)
	if !ok {
		return nil
	}
	list, ok := strict.Strings(value)
	if !ok {
		return nil
	}
	return list
}

// Confirmation returns the JSON value of a member of cnf (RFC 7800 section 3.1), such
// as jkt, and whether it is present.
func (c *Claims) Confirmation(member string) (value []byte, ok bool) {
	text, ok := c.at([]string{"cnf", member})
	if !ok {
		return nil, false
	}
	return []byte(text), true
}

// Decode stores the claims in the value that v points to, as package encoding/json/v2
// does: json tags name the members, which match exactly and only once; unknown ones are
// ignored. It fails on a nil *Claims.
func (c *Claims) Decode(v any) error {
	if c == nil {
		return errors.New("claims: no claims to decode")
	}
	if err := json.Unmarshal([]byte(c.text), v); err != nil {
		return fmt.Errorf("claims: cannot decode into %T: %w", v, err)
	}
	return nil
}

// As returns the claims as a T, by the rules of [Claims.Decode]:
//
//	org, err := claims.As[struct {
//		ID string `json:"org_id"`
//	}](c)
func As[T any](c *Claims) (T, error) {
	var v T
	err := c.Decode(&v)
	return v, err
}

// LogValue returns who the token speaks for: iss, sub, client_id and jti, each cut at
// 128 bytes. The token itself is not part of Claims and cannot be logged through them.
func (c *Claims) LogValue() slog.Value {
	return slog.GroupValue(
		slog.String("iss", cut(c.Issuer())),
		slog.String("sub", cut(c.Subject())),
		slog.String("client_id", cut(c.ClientID())),
		slog.String("jti", cut(c.ID())),
	)
}

// String returns what [Claims.LogValue] logs, quoted.
func (c *Claims) String() string {
	return fmt.Sprintf("[iss=%q sub=%q client_id=%q jti=%q]", cut(c.Issuer()), cut(c.Subject()), cut(c.ClientID()), cut(c.ID()))
}

// Format writes [Claims.String] for every verb, so that printing a *Claims, or what
// holds one, does not publish everything that is known of a user.
func (c *Claims) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, c.String()) }

func cut(s string) string { return s[:min(len(s), 128)] }
