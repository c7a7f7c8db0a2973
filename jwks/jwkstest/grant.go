package jwkstest

import (
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"
)

// A Client may ask the token endpoint for tokens (RFC 6749 section 4.4).
type Client struct {
	ID, Secret string

	// Grants maps each audience that the client may request to the scopes that it may
	// have there. A request that names no scope gets all of them.
	Grants map[string][]string

	// Organizations are the organizations that the client may request.
	Organizations []string
}

// A Grant describes a token that is about to be issued. Config.OnGrant may change Scopes
// and Claims, and must leave the other fields as they are.
type Grant struct {
	ClientID     string
	Audience     string
	Organization string         // empty if the client did not ask for one
	Scopes       []string       // the requested and granted scopes, in the order of the request
	Claims       map[string]any // claims to set; the value Absent removes one
}

// lifetime is how long a token of the token endpoint is valid, in seconds: one day.
const lifetime = 86400

// clientsByID returns copies of the clients. It panics on a client that could not
// authenticate, and on two clients with the same ID.
func clientsByID(clients []Client) map[string]Client {
	byID := make(map[string]Client, len(clients))
	for _, c := range clients {
		if c.ID == "" || c.Secret == "" {
			panic("jwkstest: a Client needs an ID and a Secret")
		}
		if _, taken := byID[c.ID]; taken {
			panic("jwkstest: two Clients have the ID " + c.ID)
		}
		grants := make(map[string][]string, len(c.Grants))
		for audience, scopes := range c.Grants {
			grants[audience] = slices.Clone(scopes)
		}
		c.Grants = grants
		c.Organizations = slices.Clone(c.Organizations)
		byID[c.ID] = c
	}
	return byID
}

func (i *Issuer) serveToken(w http.ResponseWriter, r *http.Request) {
	g, refusal := i.grant(w, r)
	if refusal != nil {
		refusal.write(w)
		return
	}
	answer := map[string]any{
		"access_token": i.grantedToken(g),
		"token_type":   "Bearer",
		"expires_in":   lifetime,
	}
	if len(g.Scopes) > 0 {
		answer["scope"] = strings.Join(g.Scopes, " ")
	}
	writeUncached(w, http.StatusOK, answer)
}

func (i *Issuer) grant(w http.ResponseWriter, r *http.Request) (*Grant, *tokenError) {
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		return nil, &tokenError{http.StatusMethodNotAllowed, "invalid_request", "the method must be POST"}
	}
	request, refusal := readTokenRequest(w, r)
	if refusal != nil {
		return nil, refusal
	}
	client, refusal := i.authenticate(r, request)
	if refusal != nil {
		return nil, refusal
	}
	g, refusal := client.authorize(request)
	if refusal != nil {
		return nil, refusal
	}
	if i.onGrant != nil {
		if err := i.onGrant(r.Context(), g); err != nil {
			return nil, badRequest("access_denied", printable(err.Error()))
		}
	}
	return g, nil
}

// authorize returns the grant that the client receives for its request.
func (c Client) authorize(request tokenRequest) (*Grant, *tokenError) {
	switch request.GrantType {
	case "client_credentials":
	case "":
		return nil, badRequest("invalid_request", "grant_type is missing")
	default:
		return nil, badRequest("unsupported_grant_type", "grant_type must be client_credentials")
	}
	if request.Audience == "" {
		return nil, badRequest("invalid_request", "audience is missing")
	}
	granted, ok := c.Grants[request.Audience]
	if !ok { // RFC 8707 section 2
		return nil, badRequest("invalid_target", "the client is not authorized for this audience")
	}
	if request.Organization != "" && !slices.Contains(c.Organizations, request.Organization) {
		return nil, badRequest("invalid_request", "the client is not authorized for this organization")
	}
	scopes := slices.Clone(granted)
	if request.Scope != "" {
		scopes = strings.Split(request.Scope, " ")
	}
	for _, scope := range scopes {
		if !slices.Contains(granted, scope) {
			return nil, badRequest("invalid_scope", "a scope was not granted to the client for this audience")
		}
	}
	return &Grant{
		ClientID:     c.ID,
		Audience:     request.Audience,
		Organization: request.Organization,
		Scopes:       scopes,
		Claims:       make(map[string]any),
	}, nil
}

// grantedToken returns a token with the claims of Auth0's tokens for machines.
func (i *Issuer) grantedToken(g *Grant) string {
	now := time.Now().Unix()
	claims := map[string]any{
		"sub":       g.ClientID + "@clients",
		"aud":       g.Audience,
		"azp":       g.ClientID,
		"gty":       "client-credentials",
		"scope":     strings.Join(g.Scopes, " "),
		"org_id":    g.Organization,
		"iat":       now,
		"exp":       now + lifetime,
		"client_id": Absent,
		"jti":       Absent,
	}
	for _, name := range []string{"scope", "org_id"} {
		if claims[name] == "" {
			claims[name] = Absent
		}
	}
	maps.Copy(claims, g.Claims)
	return i.Token(claims, Header("typ", "JWT"))
}
