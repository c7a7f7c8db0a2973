//go:build unix

package interop_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"

	"github.com/bearerguard/bearerguard/claims"
)

// otherAudience is the identifier of another API that the client may call.
const otherAudience = "https://payroll.example.com"

// A grant gets tokens from an issuer. It is safe for concurrent use.
type grant struct {
	config clientcredentials.Config
	client *http.Client
}

// grant returns the client credentials grant for these scopes, separated by spaces, and
// for this API. Both may be empty.
func (i *issuer) grant(t *testing.T, scopes, api string) grant {
	t.Helper()
	g := grant{
		config: clientcredentials.Config{
			ClientID: clientID, ClientSecret: clientSecret, Scopes: strings.Fields(scopes),
			TokenURL: i.tokenEndpoint(t), AuthStyle: oauth2.AuthStyleInHeader,
		},
		client: i.client,
	}
	if api != "" {
		g.config.EndpointParams = url.Values{i.parameter: {api}}
	}
	return g
}

// token requests a new token.
func (g grant) token() (*oauth2.Token, error) {
	return g.config.Token(context.WithValue(context.Background(), oauth2.HTTPClient, g.client))
}

func (g grant) require(t *testing.T) string {
	t.Helper()
	token, err := g.token()
	require.NoError(t, err)
	return token.AccessToken
}

// token returns a token for the API.
func (i *issuer) token(t *testing.T, scopes string) string {
	t.Helper()
	return i.grant(t, scopes, audience).require(t)
}

// signedBy returns a token for the API that this key signed. It requests a token for each
// key, because some providers use their keys in turn.
func (i *issuer) signedBy(t *testing.T, kid string) string {
	t.Helper()
	g := i.grant(t, read, audience)
	for range i.Keys {
		if token := g.require(t); header(t, token)["kid"] == kid {
			return token
		}
	}
	require.Fail(t, "no token has this kid", kid)
	return ""
}

func header(t *testing.T, token string) map[string]any {
	t.Helper()
	h, err := parseHeader(token)
	require.NoError(t, err)
	return h
}

func parseHeader(token string) (h map[string]any, err error) {
	segment, _, _ := strings.Cut(token, ".")
	b, err := base64.RawURLEncoding.DecodeString(segment)
	if err == nil {
		err = json.Unmarshal(b, &h)
	}
	return h, err
}

func payload(t *testing.T, token string) *claims.Claims {
	t.Helper()
	c, err := claims.ParseUnverified(decode(t, strings.Split(token, ".")[1]))
	require.NoError(t, err)
	return c
}

func decode(t *testing.T, segment string) []byte {
	t.Helper()
	b, err := base64.RawURLEncoding.DecodeString(segment)
	require.NoError(t, err)
	return b
}

// withSegment returns a token with one of its three segments replaced.
func withSegment(token string, n int, content []byte) string {
	segments := strings.Split(token, ".")
	segments[n] = base64.RawURLEncoding.EncodeToString(content)
	return strings.Join(segments, ".")
}

// tamper flips one bit of the signature.
func tamper(t *testing.T, token string) string {
	t.Helper()
	signature := decode(t, strings.Split(token, ".")[2])
	signature[len(signature)/2] ^= 1
	return withSegment(token, 2, signature)
}

// escalate adds the read scope to the claims of a token, without a new signature.
func escalate(t *testing.T, token string) string {
	t.Helper()
	var c map[string]any
	require.NoError(t, json.Unmarshal(decode(t, strings.Split(token, ".")[1]), &c))
	return withSegment(token, 1, encode(t, c, map[string]any{"scope": read, "scp": []string{read}}))
}

// unsigned changes the algorithm of a token to none, and removes its signature.
func unsigned(t *testing.T, token string) string {
	t.Helper()
	return withSegment(withSegment(token, 0, encode(t, header(t, token), map[string]any{"alg": "none"})), 2, nil)
}

func encode(t *testing.T, object, changes map[string]any) []byte {
	t.Helper()
	maps.Copy(object, changes)
	b, err := json.Marshal(object)
	require.NoError(t, err)
	return b
}
