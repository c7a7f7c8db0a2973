package jwkstest_test

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/jwks/jwkstest"
)

var timesheets = jwkstest.Client{
	ID: "uploader", Secret: "s3cr:t +/%",
	Grants: map[string][]string{
		jwkstest.Audience:            {"read:timesheets", "write:timesheets"},
		"https://other.example.test": nil,
	},
	Organizations: []string{"org_1"},
}

// credentials returns the parameters of a good request, with changes as pairs of name
// and value. An empty value removes the parameter.
func credentials(changes ...string) map[string]string {
	parameters := map[string]string{
		"grant_type": "client_credentials", "client_id": timesheets.ID, "client_secret": timesheets.Secret,
		"audience": jwkstest.Audience,
	}
	for n := 0; n < len(changes); n += 2 {
		parameters[changes[n]] = changes[n+1]
		if changes[n+1] == "" {
			delete(parameters, changes[n])
		}
	}
	return parameters
}

func asJSON(parameters map[string]string) *http.Request {
	body, _ := json.Marshal(parameters)
	return tokenRequest("application/json", string(body))
}

func asForm(parameters map[string]string) *http.Request {
	form := make(url.Values)
	for name, value := range parameters {
		form.Set(name, value)
	}
	return tokenRequest("application/x-www-form-urlencoded; charset=utf-8", form.Encode())
}

// asBasic moves the credentials into the Authorization header.
func asBasic(parameters map[string]string) *http.Request {
	id, secret := parameters["client_id"], parameters["client_secret"]
	delete(parameters, "client_id")
	delete(parameters, "client_secret")
	r := asForm(parameters)
	r.SetBasicAuth(url.QueryEscape(id), url.QueryEscape(secret))
	return r
}

func tokenRequest(contentType, body string) *http.Request {
	r := httptest.NewRequest(http.MethodPost, "https://issuer.example.test/oauth/token", strings.NewReader(body))
	r.Header.Set("Content-Type", contentType)
	return r
}

func ask(t *testing.T, issuer *jwkstest.Issuer, r *http.Request) (*http.Response, map[string]any) {
	t.Helper()
	recorder := httptest.NewRecorder()
	issuer.ServeHTTP(recorder, r)
	response := recorder.Result()
	body, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return response, decode(t, string(body))
}

func TestGrantInEveryForm(t *testing.T) {
	for name, encode := range map[string]func(map[string]string) *http.Request{
		"JSON": asJSON, "form": asForm, "Basic": asBasic,
	} {
		t.Run(name, func(t *testing.T) {
			issuer := jwkstest.NewIssuer(jwkstest.Config{Clients: []jwkstest.Client{timesheets}})
			response, answer := ask(t, issuer, encode(credentials()))
			require.Equal(t, http.StatusOK, response.StatusCode, answer)
			assert.Equal(t, "application/json", response.Header.Get("Content-Type"))
			assert.Equal(t, "no-store", response.Header.Get("Cache-Control"))
			assert.Equal(t, "no-cache", response.Header.Get("Pragma"))
			assert.Equal(t, "Bearer", answer["token_type"])
			assert.InDelta(t, 86400, answer["expires_in"], 0)
			assert.Equal(t, "read:timesheets write:timesheets", answer["scope"])
		})
	}
}

func TestGrantedTokenHasTheShapeOfAuth0(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		issuer := jwkstest.NewIssuer(jwkstest.Config{Clients: []jwkstest.Client{timesheets}})
		_, answer := ask(t, issuer, asForm(credentials("organization", "org_1", "scope", "read:timesheets")))
		header, payload, _ := parts(t, answer["access_token"].(string))
		assert.Equal(t, map[string]any{"typ": "JWT", "alg": "ES256", "kid": issuer.SigningKey().ID}, header)
		now := float64(time.Now().Unix())
		assert.Equal(t, map[string]any{
			"iss": "https://issuer.example.test/", "sub": "uploader@clients", "aud": jwkstest.Audience,
			"azp": "uploader", "gty": "client-credentials", "scope": "read:timesheets", "org_id": "org_1",
			"iat": now, "exp": now + 86400,
		}, payload)
	})
}

func TestGrantWithoutScopesHasNoScopeClaim(t *testing.T) {
	issuer := jwkstest.NewIssuer(jwkstest.Config{Clients: []jwkstest.Client{timesheets}})
	_, answer := ask(t, issuer, asForm(credentials("audience", "https://other.example.test")))
	assert.NotContains(t, answer, "scope")
	_, payload, _ := parts(t, answer["access_token"].(string))
	assert.NotContains(t, payload, "scope")
	assert.NotContains(t, payload, "org_id")
	assert.Equal(t, "https://other.example.test", payload["aud"])
}

func TestRefusedGrants(t *testing.T) {
	tooLong := asForm(credentials("scope", strings.Repeat("x", 65<<10)))
	twoWays := asForm(credentials())
	twoWays.SetBasicAuth(timesheets.ID, url.QueryEscape(timesheets.Secret))
	twoClients := asForm(credentials("client_id", "other", "client_secret", ""))
	twoClients.SetBasicAuth(timesheets.ID, url.QueryEscape(timesheets.Secret))
	twoHeaders := asBasic(credentials())
	twoHeaders.Header.Add("Authorization", "Basic eDp5")
	unescaped := asForm(credentials("client_id", "", "client_secret", ""))
	unescaped.SetBasicAuth(timesheets.ID, timesheets.Secret)
	bearer := asForm(credentials("client_id", "", "client_secret", ""))
	bearer.Header.Set("Authorization", "Bearer x")
	inQuery := tokenRequest("application/x-www-form-urlencoded", "")
	inQuery.URL.RawQuery = "grant_type=client_credentials&client_id=uploader&client_secret=x"
	wrongMethod := asForm(credentials())
	wrongMethod.Method = http.MethodPut

	for _, test := range []struct {
		name    string
		request *http.Request
		status  int
		code    string
	}{
		{"no grant type", asForm(credentials("grant_type", "")), 400, "invalid_request"},
		{"other grant type", asForm(credentials("grant_type", "password")), 400, "unsupported_grant_type"},
		{"no audience", asForm(credentials("audience", "")), 400, "invalid_request"},
		{"audience not granted", asForm(credentials("audience", "https://x.test")), 400, "invalid_target"},
		{"scope not granted", asForm(credentials("scope", "read:timesheets admin")), 400, "invalid_scope"},
		{"scopes with two spaces", asForm(credentials("scope", "read:timesheets  write:timesheets")), 400, "invalid_scope"},
		{"organization not granted", asForm(credentials("organization", "org_2")), 400, "invalid_request"},
		{"no credentials", asForm(credentials("client_id", "", "client_secret", "")), 401, "invalid_client"},
		{"no secret", asForm(credentials("client_secret", "")), 401, "invalid_client"},
		{"wrong secret", asJSON(credentials("client_secret", "S3cr:t +/%")), 401, "invalid_client"},
		{"unknown client", asForm(credentials("client_id", "nobody")), 401, "invalid_client"},
		{"wrong secret in Basic", asBasic(credentials("client_secret", "x")), 401, "invalid_client"},
		{"Basic that is not form-encoded", unescaped, 401, "invalid_client"},
		{"another scheme", bearer, 401, "invalid_client"},
		{"two Authorization headers", twoHeaders, 401, "invalid_client"},
		{"two methods at once", twoWays, 400, "invalid_request"},
		{"two clients at once", twoClients, 400, "invalid_request"},
		{"parameters in the query", inQuery, 401, "invalid_client"},
		{"repeated parameter", tokenRequest("application/x-www-form-urlencoded", "audience=a&audience=b"), 400, "invalid_request"},
		{"malformed form", tokenRequest("application/x-www-form-urlencoded", "a=%zz"), 400, "invalid_request"},
		{"malformed JSON", tokenRequest("application/json", "{"), 400, "invalid_request"},
		{"duplicate member", tokenRequest("application/json", `{"audience":"a","audience":"b"}`), 400, "invalid_request"},
		{"member that is not a string", tokenRequest("application/json", `{"audience":["a"]}`), 400, "invalid_request"},
		{"member of another case", tokenRequest("application/json", `{"Client_ID":"uploader"}`), 401, "invalid_client"},
		{"other media type", tokenRequest("text/plain", "grant_type=client_credentials"), 400, "invalid_request"},
		{"no media type", tokenRequest("", "grant_type=client_credentials"), 400, "invalid_request"},
		{"body over 64 KiB", tooLong, 413, "invalid_request"},
		{"other method", wrongMethod, 405, "invalid_request"},
	} {
		t.Run(test.name, func(t *testing.T) {
			issuer := jwkstest.NewIssuer(jwkstest.Config{Clients: []jwkstest.Client{timesheets}})
			response, answer := ask(t, issuer, test.request)
			assert.Equal(t, test.status, response.StatusCode)
			assert.Equal(t, test.code, answer["error"])
			assert.NotEmpty(t, answer["error_description"])
			assert.NotContains(t, answer, "access_token")
			assert.Equal(t, "no-store", response.Header.Get("Cache-Control"))
			challenged := response.Header.Get("WWW-Authenticate") == `Basic realm="token"`
			assert.Equal(t, test.status == 401, challenged)
		})
	}
}

func TestClientIDBesideBasicMayAgree(t *testing.T) {
	issuer := jwkstest.NewIssuer(jwkstest.Config{Clients: []jwkstest.Client{timesheets}})
	r := asForm(credentials("client_secret", ""))
	r.SetBasicAuth(timesheets.ID, url.QueryEscape(timesheets.Secret))
	response, answer := ask(t, issuer, r)
	assert.Equal(t, http.StatusOK, response.StatusCode, answer)
}

func TestOnGrantChangesTheToken(t *testing.T) {
	issuer := jwkstest.NewIssuer(jwkstest.Config{
		Clients: []jwkstest.Client{timesheets},
		OnGrant: func(_ context.Context, g *jwkstest.Grant) error {
			assert.Equal(t, "uploader", g.ClientID)
			assert.Equal(t, jwkstest.Audience, g.Audience)
			assert.Equal(t, "org_1", g.Organization)
			assert.Equal(t, []string{"read:timesheets", "write:timesheets"}, g.Scopes)
			g.Scopes[0] = "read:some"
			g.Scopes = g.Scopes[:1]
			g.Claims["https://example.test/team"] = "blue"
			g.Claims["gty"] = jwkstest.Absent
			return nil
		},
	})
	for range 2 { // the hook must not change the client's registration
		_, answer := ask(t, issuer, asForm(credentials("organization", "org_1")))
		assert.Equal(t, "read:some", answer["scope"])
		_, payload, _ := parts(t, answer["access_token"].(string))
		assert.Equal(t, "read:some", payload["scope"])
		assert.Equal(t, "blue", payload["https://example.test/team"])
		assert.NotContains(t, payload, "gty")
	}
}

func TestOnGrantDenies(t *testing.T) {
	issuer := jwkstest.NewIssuer(jwkstest.Config{
		Clients: []jwkstest.Client{timesheets},
		OnGrant: func(context.Context, *jwkstest.Grant) error { return errors.New("not on a \"Sunday\"\n") },
	})
	response, answer := ask(t, issuer, asForm(credentials()))
	assert.Equal(t, http.StatusBadRequest, response.StatusCode)
	assert.Equal(t, "access_denied", answer["error"])
	assert.Equal(t, "not on a ?Sunday??", answer["error_description"], "only characters that RFC 6749 allows")
}

func TestRegistrationIsCopied(t *testing.T) {
	scopes := []string{"a"}
	grants := map[string][]string{"x": scopes}
	issuer := jwkstest.NewIssuer(jwkstest.Config{Clients: []jwkstest.Client{{ID: "i", Secret: "s", Grants: grants}}})
	scopes[0] = "admin"
	grants["y"] = nil
	good := map[string]string{
		"grant_type": "client_credentials", "client_id": "i", "client_secret": "s", "audience": "x", "scope": "a",
	}
	response, _ := ask(t, issuer, asForm(good))
	assert.Equal(t, http.StatusOK, response.StatusCode)
	good["audience"] = "y"
	response, _ = ask(t, issuer, asForm(good))
	assert.Equal(t, http.StatusBadRequest, response.StatusCode)
}

// Every answer is one of RFC 6749, and no request without the secret gets a token.
func FuzzTokenEndpoint(f *testing.F) {
	open := jwkstest.NewIssuer(jwkstest.Config{Clients: []jwkstest.Client{timesheets}})
	unguessable := timesheets
	unguessable.Secret = rand.Text()
	locked := jwkstest.NewIssuer(jwkstest.Config{Clients: []jwkstest.Client{unguessable}})

	for _, seed := range []*http.Request{asJSON(credentials()), asForm(credentials()), asBasic(credentials())} {
		body, _ := io.ReadAll(seed.Body)
		f.Add(seed.Header.Get("Content-Type"), seed.Header.Get("Authorization"), string(body))
	}
	f.Add("application/json", "Basic", `{"client_id":null}`)
	f.Add("application/json", "", `null`)
	f.Add("application/x-www-form-urlencoded", "Basic Og==", "&&=;%00")
	f.Fuzz(func(t *testing.T, contentType, authorization, body string) {
		for _, issuer := range []*jwkstest.Issuer{open, locked} {
			r := tokenRequest(contentType, body)
			if authorization != "" {
				r.Header.Set("Authorization", authorization)
			}
			response, answer := ask(t, issuer, r)
			_, issued := answer["access_token"]
			_, refused := answer["error"]
			switch response.StatusCode {
			case http.StatusOK:
				require.True(t, issued && !refused && issuer == open)
			case http.StatusBadRequest, http.StatusUnauthorized, http.StatusRequestEntityTooLarge:
				require.True(t, refused && !issued)
			default:
				t.Fatalf("status %d", response.StatusCode)
			}
		}
	})
}
