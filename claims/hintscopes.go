package claims

import (
	"fmt"
	"slices"
	"strings"
)

// scopePaths are claims in which providers put what a client or user may do.
var scopePaths = [][]string{
	{"scope"},
	{"scp"},
	{"permissions"},
	{"roles"},
	{"scopes"},
	{"authorities"},
	{"groups"},
	{"cognito:groups"},
	{"realm_access", "roles"},
	{"ext", "scope"},
}

func (e *explanation) scopesHint() string {
	missing := e.missing[0]
	if path := e.pathOf(missing); path != nil {
		return fmt.Sprintf("The token has this in %s: to read scopes from there, set Issuer.ScopeClaims to %s. "+
			"For permissions of users, use middleware.Claim.", dotted(path), goPath(path))
	}
	granted := e.claims.Scopes()
	switch {
	case e.issuer.AllowedScopes != nil && !slices.Contains(e.issuer.AllowedScopes, missing):
		return "Issuer.AllowedScopes does not have this scope. Add it, if tokens of this issuer may grant it."
	case slices.ContainsFunc(granted, func(s string) bool { return slices.Contains(strings.FieldsFunc(s, isSeparator), missing) }):
		return "The scopes are separated by commas. Have the issuer separate them by spaces (RFC 6749 section 3.3)."
	case slices.ContainsFunc(granted, func(s string) bool { return strings.EqualFold(s, missing) }):
		return "The token has this scope in another case. Write it the same at the issuer and at the route."
	case slices.ContainsFunc(granted, func(s string) bool { return strings.HasSuffix(s, "/"+missing) || strings.HasSuffix(missing, "/"+s) }):
		return "The token has this scope with another prefix. Write at the route exactly what the token has."
	}
	if path := e.filledPath(); len(granted) == 0 && path != nil {
		return fmt.Sprintf("The token has no scopes, but %s. If these are its scopes, set Issuer.ScopeClaims to %s.",
			dotted(path), goPath(path))
	}
	return fmt.Sprintf("The client must ask for the scope %s, and the issuer must let the client and the user have it.", quoted(missing))
}

func isSeparator(r rune) bool { return r == ',' || r == ';' }

// pathOf returns the claim, other than those that are read, which has this scope.
func (e *explanation) pathOf(scope string) []string {
	return e.firstPath(func(values []string) bool {
		return slices.ContainsFunc(values, func(v string) bool { return slices.Contains(strings.Fields(v), scope) })
	})
}

// filledPath returns the first claim, other than those that are read, which has any value.
func (e *explanation) filledPath() []string {
	return e.firstPath(func(values []string) bool { return len(values) > 0 && values[0] != "" })
}

func (e *explanation) firstPath(holds func(values []string) bool) []string {
	paths := slices.Clip(scopePaths)
	for _, client := range append([]string{e.claims.ClientID()}, e.issuer.Audiences...) { // Keycloak's client roles
		paths = append(paths, []string{"resource_access", client, "roles"})
	}
	for _, path := range paths {
		if !e.isRead(path) && holds(e.claims.Strings(path...)) {
			return path
		}
	}
	return nil
}

// isRead reports whether the scopes of the token come from the claim at path.
func (e *explanation) isRead(path []string) bool {
	for _, own := range e.issuer.ScopeClaims {
		if _, ok := e.claims.at(own); ok {
			return slices.Equal(own, path)
		}
	}
	return false
}

func dotted(path []string) string { return plain(strings.Join(path, "."), shownBytes) }

// goPath returns a path as the value of Issuer.ScopeClaims.
func goPath(path []string) string { return fmt.Sprintf("[][]string{{%s}}", listed(path)) }
