package claims

import (
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/bearerguard/bearerguard/internal/strict"
)

// Claims are the claims of a token. They are immutable and safe for concurrent use: every
// accessor returns a value or a copy. The accessors of a nil *Claims return zero values.
//
// To read a claim that has no method here, call [Claims.Strings], [As] or [Claims.Decode].
//
// Do not copy a Claims or assign to one: other requests may hold the same. go vet reports it.
type Claims struct {
	_       noCopy
	*hidden // nil in the zero value, which has no claims
}

// A hidden body is not printed. Package fmt does not call the methods of *Claims for a Claims,
// but it also does not follow a pointer behind a pointer.
type hidden struct {
	*body
	remembered bool
}

// noCopy makes go vet report copies of the struct that has it as a field.
type noCopy struct{}

func (*noCopy) Lock()   {}
func (*noCopy) Unlock() {}

// A body is what a Claims holds.
type body struct {
	// What every request reads comes first, so that it is in few cache lines.
	expiresAt, notBefore   time.Time
	audience, confirmation strict.Span // ranges of the values; empty if absent
	scopeText              string      // scopes as one string, separated by spaces
	scopeList              []string    // scopes as an array
	issuer, subject, id    string
	sessionID              string
	clientIDs              [len(clientIDClaims)]string
	issuedAt               time.Time
	leeway                 time.Duration // of the issuer that accepted the token
	otherKind              bool          // has a claim that only other kinds of token have
	nonce                  bool

	later *Claims // the same claims for requests that find the token in the cache

	text    string            // the payload, as signed; of an opaque token, the issuer's answer
	members []strict.Member   // of the payload's object
	first   [16]strict.Member // backing array of members, enough for most tokens
}

// clientIDClaims are the claims that may hold the client's identifier, in order of
// precedence: RFC 9068, OpenID Connect, Okta, Entra ID v1.
var clientIDClaims = [...]string{"client_id", "azp", "cid", "appid"}

// defaultScopeClaims is the default of Issuer.ScopeClaims: the claim of RFC 8693 section
// 4.2, then the one that Entra ID and Okta use.
var defaultScopeClaims = [][]string{{"scope"}, {"scp"}}

// ParseUnverified returns the claims of a payload, a JSON object, without verifying them.
// Use it only to test handlers, with [NewContext]: its result must not be trusted.
// Scopes are read from "scope", or from "scp" if "scope" is absent. The error matches
// [ErrMalformed].
func ParseUnverified(payload []byte) (*Claims, error) {
	c, err := parsePayload(string(payload))
	if err != nil {
		return nil, err
	}
	c.resolveScopes(defaultScopeClaims, nil)
	return c, nil
}

// newClaims returns Claims of a payload that is not yet read. It allocates once.
func newClaims(payload string) *Claims {
	var memory struct {
		first, later             Claims
		hiddenFirst, hiddenLater hidden
		body                     body
	}
	memory.first.hidden, memory.later.hidden = &memory.hiddenFirst, &memory.hiddenLater
	memory.hiddenFirst.body = &memory.body
	memory.hiddenLater = hidden{body: &memory.body, remembered: true}
	memory.body.text, memory.body.later = payload, &memory.later
	return &memory.first
}

// Remembered reports whether the [Verifier] knew the token already, so that its signature was
// not checked again. See Config.CacheEntries. It is for metrics: the token is as valid.
func (c *Claims) Remembered() bool { return !c.isEmpty() && c.remembered }

func (c *Claims) isEmpty() bool { return c == nil || c.hidden == nil }

// Issuer returns iss (RFC 7519 section 4.1.1).
func (c *Claims) Issuer() string {
	if c.isEmpty() {
		return ""
	}
	return c.issuer
}

// Subject returns sub (RFC 7519 section 4.1.2), or "" if there is none. It is unique only
// within the issuer: with several issuers, the principal is Issuer and Subject together. Do not
// compare it with a [Claims.ClientID]: one party's subject may equal another party's client
// identifier (RFC 9700 section 4.15).
func (c *Claims) Subject() string {
	if c.isEmpty() {
		return ""
	}
	return c.subject
}

// ClientID returns the identifier of the client that the token was issued to, or "". It
// is the first non-empty one of client_id (RFC 9068 section 2.2), azp, cid and appid.
func (c *Claims) ClientID() string {
	if c.isEmpty() {
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
	if c.isEmpty() {
		return ""
	}
	return c.id
}

// SessionID returns sid, the session at the issuer in which the token was issued, or "" if
// there is none. OpenID Connect Back-Channel Logout 1.0 section 2.1 defines it for ID tokens.
// Many issuers can be told to write it into access tokens. A sid that is not a string counts as
// absent, because other issuers may use the name for something else.
func (c *Claims) SessionID() string {
	if c.isEmpty() {
		return ""
	}
	return c.sessionID
}

// Audience returns the values of aud (RFC 7519 section 4.1.3), or nil if it is absent.
func (c *Claims) Audience() []string {
	if c.isEmpty() {
		return nil
	}
	list, _ := strict.Strings(c.audience.Of(c.text))
	return list
}

// ExpiresAt returns exp (RFC 7519 section 4.1.4) in UTC. A verified token always has it.
func (c *Claims) ExpiresAt() time.Time {
	if c.isEmpty() {
		return time.Time{}
	}
	return c.expiresAt
}

// NotBefore returns nbf (RFC 7519 section 4.1.5) in UTC, or the zero time if there is
// none.
func (c *Claims) NotBefore() time.Time {
	if c.isEmpty() {
		return time.Time{}
	}
	return c.notBefore
}

// IssuedAt returns iat (RFC 7519 section 4.1.6) in UTC, or the zero time if there is none.
// An iat that is not a NumericDate, such as a string or milliseconds, counts as absent. A rule
// that refuses tokens issued before some time therefore refuses such a token.
func (c *Claims) IssuedAt() time.Time {
	if c.isEmpty() {
		return time.Time{}
	}
	return c.issuedAt
}

// Scopes returns the scopes in the token's order. They come from the first of the
// issuer's scope claims that is present, and are limited to [Issuer.AllowedScopes]. A string
// is split at spaces only (RFC 6749 section 3.3). In an array of strings, each element is one
// scope. A claim of any other type holds no scopes.
func (c *Claims) Scopes() []string {
	if c.isEmpty() {
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
	if c.isEmpty() || scope == "" {
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

// Strings returns the values of the claim at path. The path names a member of the
// payload, then a member of each nested object: Strings("realm_access", "roles"). A
// string is one value and is never split. In an array of strings, each element is one
// value. Strings returns nil if the claim is absent or has any other type, so that a
// mistyped claim grants nothing.
//
// If the path ends in "*", the values are the names of the members of the object before it:
// Zitadel writes roles so. A path of one name is never read in this way.
//
// The slice is new, and is the only allocation if no value is written with escapes.
func (c *Claims) Strings(path ...string) []string {
	value, kind := c.listAt(path)
	return kind.list(value)
}

// HasString reports whether value is among [Claims.Strings] of path, compared byte by byte:
// HasString("auditor", "realm_access", "roles"). It is false for an empty value. It allocates
// nothing if no value is written with escapes.
func (c *Claims) HasString(value string, path ...string) bool {
	text, kind := c.listAt(path)
	return value != "" && kind.has(text, value)
}

// Confirmation returns the JSON value of a member of cnf, such as jkt (RFC 7800 section 3.1). ok
// reports whether it is present.
func (c *Claims) Confirmation(member string) (value []byte, ok bool) {
	text, ok := c.at([]string{"cnf", member})
	if !ok {
		return nil, false
	}
	return []byte(text), true
}

// Decode stores the claims in the value that v points to, like package encoding/json/v2.
// Member names must match json tags exactly. Duplicates are refused, unknown members are
// ignored. Decode fails on a nil *Claims.
func (c *Claims) Decode(v any) error {
	if c.isEmpty() {
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

// LogValue returns iss, sub, client_id and jti, each cut at 128 bytes. The token itself is
// not part of Claims and cannot be logged through them.
func (c *Claims) LogValue() slog.Value {
	return slog.GroupValue(
		slog.String("iss", cut(c.Issuer())),
		slog.String("sub", cut(c.Subject())),
		slog.String("client_id", cut(c.ClientID())),
		slog.String("jti", cut(c.ID())),
	)
}

// Format writes what [Claims.LogValue] logs, quoted, for every verb. So printing a *Claims does not
// reveal the other claims of a user.
func (c *Claims) Format(f fmt.State, _ rune) {
	_, _ = fmt.Fprintf(f, "[iss=%q sub=%q client_id=%q jti=%q]", cut(c.Issuer()), cut(c.Subject()), cut(c.ClientID()), cut(c.ID()))
}

func cut(s string) string { return s[:min(len(s), 128)] }
