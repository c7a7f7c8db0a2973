package jwkstest_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/jwks/jwkstest"
)

// get returns the answer and its body. It fails the test if there is no answer.
func get(t *testing.T, client *http.Client, url string, header ...string) (*http.Response, string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	require.NoError(t, err)
	for n := 0; n < len(header); n += 2 {
		request.Header.Set(header[n], header[n+1])
	}
	response, err := client.Do(request)
	require.NoError(t, err)
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return response, string(body)
}

func decode(t *testing.T, document string) map[string]any {
	t.Helper()
	var members map[string]any
	require.NoError(t, json.Unmarshal([]byte(document), &members))
	return members
}

// kids returns the kids of a key set in their order, "" for an entry without one.
func kids(t *testing.T, document string) []string {
	t.Helper()
	var set struct {
		Keys []struct {
			KeyID string `json:"kid"`
		} `json:"keys"`
	}
	require.NoError(t, json.Unmarshal([]byte(document), &set))
	found := make([]string, 0, len(set.Keys))
	for _, k := range set.Keys {
		found = append(found, k.KeyID)
	}
	return found
}

func TestWellKnownPaths(t *testing.T) {
	for _, test := range []struct {
		name, issuer, discovery, metadata, jwks, token string
	}{
		{
			"default", "",
			"https://issuer.example.test/.well-known/openid-configuration",
			"https://issuer.example.test/.well-known/oauth-authorization-server",
			"https://issuer.example.test/.well-known/jwks.json",
			"https://issuer.example.test/oauth/token",
		},
		{
			"no slash", "https://a.test",
			"https://a.test/.well-known/openid-configuration",
			"https://a.test/.well-known/oauth-authorization-server",
			"https://a.test/.well-known/jwks.json",
			"https://a.test/oauth/token",
		},
		{
			"path", "https://a.test/realms/x",
			"https://a.test/realms/x/.well-known/openid-configuration",
			"https://a.test/.well-known/oauth-authorization-server/realms/x",
			"https://a.test/realms/x/.well-known/jwks.json",
			"https://a.test/realms/x/oauth/token",
		},
		{
			"path with a slash at the end", "https://a.test/realms/x/",
			"https://a.test/realms/x/.well-known/openid-configuration",
			"https://a.test/.well-known/oauth-authorization-server/realms/x",
			"https://a.test/realms/x/.well-known/jwks.json",
			"https://a.test/realms/x/oauth/token",
		},
		{
			"escaped path", "https://a.test/a%20b",
			"https://a.test/a%20b/.well-known/openid-configuration",
			"https://a.test/.well-known/oauth-authorization-server/a%20b",
			"https://a.test/a%20b/.well-known/jwks.json",
			"https://a.test/a%20b/oauth/token",
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			issuer := jwkstest.NewIssuer(jwkstest.Config{URL: test.issuer})
			for _, url := range []string{test.discovery, test.metadata} {
				response, body := get(t, issuer.Client(), url)
				require.Equal(t, http.StatusOK, response.StatusCode, url)
				assert.Equal(t, "application/json", response.Header.Get("Content-Type"))
				document := decode(t, body)
				assert.Equal(t, issuer.URL(), document["issuer"])
				assert.Equal(t, test.jwks, document["jwks_uri"])
				assert.Equal(t, test.token, document["token_endpoint"])
			}
			_, body := get(t, issuer.Client(), test.jwks)
			assert.Equal(t, []string{issuer.SigningKey().ID}, kids(t, body))
			assert.Equal(t, test.token, issuer.TokenURL())
			assert.Equal(t, test.jwks, issuer.JWKSURL())
		})
	}
}

func TestNewIssuerPanics(t *testing.T) {
	for name, config := range map[string]jwkstest.Config{
		"URL without a host":    {URL: "/issuer"},
		"not a URL":             {URL: "https://a b"},
		"client without secret": {Clients: []jwkstest.Client{{ID: "a"}}},
		"client without ID":     {Clients: []jwkstest.Client{{Secret: "a"}}},
		"two clients of one ID": {Clients: []jwkstest.Client{{ID: "a", Secret: "b"}, {ID: "a", Secret: "c"}}},
	} {
		t.Run(name, func(t *testing.T) {
			assert.Panics(t, func() { jwkstest.NewIssuer(config) })
		})
	}
}

func TestUnknownPathIsNotFound(t *testing.T) {
	issuer := jwkstest.NewIssuer(jwkstest.Config{})
	response, _ := get(t, issuer.Client(), "https://issuer.example.test/elsewhere")
	assert.Equal(t, http.StatusNotFound, response.StatusCode)
	assert.Equal(t, 1, issuer.Count(""))
}

func TestDocumentsAreReadOnly(t *testing.T) {
	issuer := jwkstest.NewIssuer(jwkstest.Config{})
	response, err := issuer.Client().Post(issuer.JWKSURL(), "application/json", strings.NewReader("{}"))
	require.NoError(t, err)
	defer response.Body.Close()
	assert.Equal(t, http.StatusMethodNotAllowed, response.StatusCode)
	assert.Equal(t, "GET, HEAD", response.Header.Get("Allow"))
}

func TestMoveJWKS(t *testing.T) {
	issuer := jwkstest.NewIssuer(jwkstest.Config{})
	before, old := issuer.JWKSURL(), issuer.SigningKey()
	issuer.MoveJWKS("https://keys.example.test/v2")
	fresh := issuer.Rotate()
	issuer.Retire(old.ID)

	_, discovery := get(t, issuer.Client(), issuer.URL()+".well-known/openid-configuration")
	assert.Equal(t, "https://keys.example.test/v2", decode(t, discovery)["jwks_uri"])
	_, current := get(t, issuer.Client(), "https://keys.example.test/v2")
	assert.Equal(t, []string{fresh.ID}, kids(t, current))
	_, former := get(t, issuer.Client(), before)
	assert.Equal(t, []string{old.ID}, kids(t, former), "the old address still answers, with the old keys")
	assert.Equal(t, 2, issuer.Count(jwkstest.JWKS))

	issuer.MoveJWKS(before)
	_, current = get(t, issuer.Client(), before)
	assert.Equal(t, []string{fresh.ID}, kids(t, current), "the address that is current again")
}

func TestOnRequestSeesEveryRequest(t *testing.T) {
	var mu sync.Mutex
	seen := map[jwkstest.Endpoint][]string{}
	issuer := jwkstest.NewIssuer(jwkstest.Config{OnRequest: func(e jwkstest.Endpoint, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		seen[e] = append(seen[e], r.Host+r.URL.Path)
	}})
	issuer.FailNext(1, jwkstest.JWKS, jwkstest.Refuse())
	_, err := issuer.Client().Get(issuer.JWKSURL())
	require.Error(t, err)
	get(t, issuer.Client(), "http://evil.test/.well-known/jwks.json")
	get(t, issuer.Client(), "https://evil.test/x")
	assert.Equal(t, map[jwkstest.Endpoint][]string{
		jwkstest.JWKS: {"issuer.example.test/.well-known/jwks.json", "evil.test/.well-known/jwks.json"},
		"":            {"evil.test/x"},
	}, seen)
	assert.Equal(t, 2, issuer.Count(jwkstest.JWKS))
}

func TestConditionalRequests(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		issuer := jwkstest.NewIssuer(jwkstest.Config{})
		plain, _ := get(t, issuer.Client(), issuer.JWKSURL())
		for _, name := range []string{"ETag", "Last-Modified", "Cache-Control", "Age"} {
			assert.Empty(t, plain.Header.Get(name), "off by default")
		}

		issuer.SetCaching(jwkstest.Caching{CacheControl: "max-age=300", Age: "7", ETag: true, LastModified: true})
		first, _ := get(t, issuer.Client(), issuer.JWKSURL())
		assert.Equal(t, "max-age=300", first.Header.Get("Cache-Control"))
		assert.Equal(t, "7", first.Header.Get("Age"))
		tag, modified := first.Header.Get("ETag"), first.Header.Get("Last-Modified")
		require.NotEmpty(t, tag)
		require.NotEmpty(t, modified)

		for name, value := range map[string]string{"If-None-Match": tag, "If-Modified-Since": modified} {
			unchanged, body := get(t, issuer.Client(), issuer.JWKSURL(), name, value)
			assert.Equal(t, http.StatusNotModified, unchanged.StatusCode, name)
			assert.Equal(t, "max-age=300", unchanged.Header.Get("Cache-Control"), name)
			assert.Empty(t, body)
		}

		old := issuer.SigningKey()
		replacement := jwkstest.NewKey("ES256")
		replacement.ID = old.ID
		for _, change := range []struct {
			name string
			make func()
		}{
			{"publish", func() { issuer.Rotate() }},
			{"replace", func() { issuer.Publish(replacement) }},
			{"retire", func() { issuer.Retire(old.ID) }},
		} {
			time.Sleep(time.Second) // Last-Modified counts in seconds
			change.make()
			for name, value := range map[string]string{"If-None-Match": tag, "If-Modified-Since": modified} {
				changed, _ := get(t, issuer.Client(), issuer.JWKSURL(), name, value)
				assert.Equal(t, http.StatusOK, changed.StatusCode, change.name+" "+name)
				first = changed
			}
			tag, modified = first.Header.Get("ETag"), first.Header.Get("Last-Modified")
		}
	})
}

func TestPublishing(t *testing.T) {
	issuer := jwkstest.NewIssuer(jwkstest.Config{Key: jwkstest.Key{
		ID: "first", Algorithm: "ES256", Private: jwkstest.NewKey("ES256").Private,
	}})
	second := jwkstest.NewKey("ES256")
	second.ID = "second"

	issuer.Publish(second)
	assert.Equal(t, []string{"first", "second"}, kids(t, string(issuer.Document())), "published, in order")
	assert.Equal(t, "first", issuer.SigningKey().ID, "published, but not yet signing")

	replaced := jwkstest.NewKey("ES384")
	replaced.ID = "first"
	before := string(issuer.Document())
	issuer.Publish(replaced)
	assert.Equal(t, []string{"first", "second"}, kids(t, string(issuer.Document())), "new material under the old kid")
	assert.NotEqual(t, before, string(issuer.Document()))

	issuer.PublishJWK(second.JWK())
	issuer.PublishJWK(`{"kty":"made-up"}`)
	issuer.PublishJWK([]byte(`{"kid":7}`))
	document := string(issuer.Document())
	assert.Contains(t, document, `{"kty":"made-up"},{"kid":7}`, "raw entries are not changed")

	issuer.Retire("second")
	assert.NotContains(t, string(issuer.Document()), "second", "both entries of the kid are gone")
	assert.Contains(t, string(issuer.Document()), `"made-up"`)

	issuer.SignWith(second)
	assert.Equal(t, second, issuer.SigningKey(), "a key may sign before it is published")
}

func TestPublishWithoutMembers(t *testing.T) {
	issuer := jwkstest.NewIssuer(jwkstest.Config{})
	key := issuer.SigningKey()
	issuer.Publish(key, "alg")
	entry := decode(t, string(issuer.Document()))["keys"].([]any)[0].(map[string]any)
	assert.NotContains(t, entry, "alg")
	assert.Equal(t, key.ID, entry["kid"])

	issuer.Retire(key.ID)
	issuer.Publish(key, "alg", "kid", "use")
	issuer.Publish(key, "alg", "kid", "use")
	entries := decode(t, string(issuer.Document()))["keys"].([]any)
	require.Len(t, entries, 2, "entries without a kid do not replace each other")
	assert.NotContains(t, entries[0], "kid")
	assert.NotContains(t, entries[0], "use")
}

func TestRotateKeepsTheAlgorithmAndTheOldKey(t *testing.T) {
	issuer := jwkstest.NewIssuer(jwkstest.Config{Key: jwkstest.NewKey("EdDSA")})
	old := issuer.SigningKey()
	fresh := issuer.Rotate()
	assert.Equal(t, "EdDSA", fresh.Algorithm)
	assert.Equal(t, fresh, issuer.SigningKey())
	assert.Equal(t, []string{old.ID, fresh.ID}, kids(t, string(issuer.Document())))
}

func TestConcurrentUse(t *testing.T) {
	issuer := jwkstest.NewIssuer(jwkstest.Config{Clients: []jwkstest.Client{timesheets}})
	issuer.Fail(jwkstest.JWKS, jwkstest.Respond(http.StatusServiceUnavailable, nil, ""))
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			old := issuer.SigningKey()
			issuer.Rotate()
			issuer.Retire(old.ID)
			issuer.Token(nil)
			issuer.SetCaching(jwkstest.Caching{ETag: true})
			issuer.FailNext(1, jwkstest.JWKS, jwkstest.Reset())
			issuer.MoveJWKS(issuer.URL() + "moved")
			if response, err := issuer.Client().Get(issuer.JWKSURL()); err == nil {
				response.Body.Close()
			}
			issuer.Recover()
		})
	}
	group.Wait()
	assert.Equal(t, 8, issuer.Count(jwkstest.JWKS))
}

func TestServesOverASocket(t *testing.T) {
	var issuer *jwkstest.Issuer
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		issuer.ServeHTTP(w, r)
	}))
	defer server.Close()
	issuer = jwkstest.NewIssuer(jwkstest.Config{URL: server.URL + "/tenant/"})
	response, body := get(t, server.Client(), server.URL+"/tenant/.well-known/openid-configuration")
	require.Equal(t, http.StatusOK, response.StatusCode)
	assert.Equal(t, issuer.URL(), decode(t, body)["issuer"])
}
