package middleware_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/claims"
	"github.com/bearerguard/bearerguard/jwks"
	"github.com/bearerguard/bearerguard/middleware"
)

type keySet struct{}

func (keySet) Keys(context.Context, string, string) ([]claims.Key, error) {
	return nil, claims.ErrUnknownKey
}

const (
	issuerURL = "https://issuer.example.test/"
	api       = "https://api.example.test"
)

func TestConfigIsAccepted(t *testing.T) {
	for rule, config := range map[string]middleware.Config{
		"issuer with discovery": {Issuer: issuerURL, Audiences: []string{api}},
		"issuer with a JWKSURL": {Issuer: "issuer", Audiences: []string{api}, JWKSURL: "https://keys.example.test/"},
		"issuer on loopback":    {Issuer: "http://localhost:8080", Audiences: []string{api}},
		"issuer in a cluster":   {Issuer: "http://idp.svc", Audiences: []string{api}, InsecureHTTPHosts: []string{"idp.svc"}},
		"issuer with a client":  {Issuer: issuerURL, Audiences: []string{api}, Client: http.DefaultClient},
		"issuer with all of its settings": {
			Issuer: issuerURL, Audiences: []string{api}, JWKSURL: issuerURL + "keys",
			RequiredClaims: []string{"sub"}, Leeway: time.Second, Validate: func(context.Context, *claims.Claims) error { return nil },
			Client: http.DefaultClient, PrivateHosts: []string{"keys.internal"}, AllowRedirects: true,
			FetchLimit: jwks.NewFetchLimit(4), CacheEntries: -1, MaxTokenBytes: 4096,
		},
		"issuers with all settings of caches": {
			Issuers:      []claims.Issuer{{URL: issuerURL, Audiences: []string{api}, JWKSURL: issuerURL + "keys"}, {URL: "https://b.test", Audiences: []string{api}, Keys: keySet{}}},
			PrivateHosts: []string{"keys.internal"}, AllowRedirects: true, FetchLimit: jwks.NewFetchLimit(4), CacheEntries: 100,
		},
		"issuers":                 {Issuers: []claims.Issuer{{URL: issuerURL, Audiences: []string{api}, Keys: keySet{}}}},
		"issuers with discovery":  {Issuers: []claims.Issuer{{URL: issuerURL, Audiences: []string{api}}}, Client: http.DefaultClient},
		"HMAC with its secret":    {Issuers: []claims.Issuer{{URL: issuerURL, Audiences: []string{api}, Keys: keySet{}, Algorithms: []string{"HS256"}}}},
		"verifier":                {Verifier: verifierFunc(nil)},
		"metadata over https":     {Verifier: verifierFunc(nil), ResourceMetadataURL: "https://api.example.test/x?y"},
		"metadata on loopback":    {Verifier: verifierFunc(nil), ResourceMetadataURL: "http://127.0.0.1:8080/x"},
		"metadata on loopback v6": {Verifier: verifierFunc(nil), ResourceMetadataURL: "http://[::1]/x"},
		"resource":                {Verifier: verifierFunc(nil), Resource: "https://api.example.test/v1?tenant=a"},
		"resource on loopback":    {Verifier: verifierFunc(nil), Resource: "http://localhost:8080/mcp"},
		"resource and its issuer": {Issuer: issuerURL, Audiences: []string{api}, Resource: api, AuthorizationServers: []string{issuerURL}},
		"resource and a URL":      {Verifier: verifierFunc(nil), Resource: api, ResourceMetadataURL: "https://other.example.test/x"},
		"realm with a quote":      {Verifier: verifierFunc(nil), Realm: `the "API"`},
		"a short token":           {Verifier: verifierFunc(nil), MaxTokenBytes: 1},
		"a long token":            {Verifier: verifierFunc(nil), MaxTokenBytes: 1 << 20},
	} {
		t.Run(rule, func(t *testing.T) {
			auth, err := middleware.New(config)
			require.NoError(t, err)
			require.NotNil(t, auth)
		})
	}
}

func TestConfigIsRefused(t *testing.T) {
	var missing *claims.Verifier
	fake := verifierFunc(nil)
	issuers := []claims.Issuer{{URL: issuerURL, Audiences: []string{api}, Keys: keySet{}}}
	for _, tt := range []struct {
		rule   string
		config middleware.Config
		want   string
	}{
		{"nothing", middleware.Config{}, "middleware: invalid Config: one of Issuer with Audiences, Issuers, Tenants and Verifier is required"},
		{"no issuers", middleware.Config{Issuers: []claims.Issuer{}}, "middleware: invalid Config.Issuers: at least one is required"},
		{"issuer and issuers", middleware.Config{Issuer: issuerURL, Audiences: []string{api}, Issuers: issuers}, "middleware: invalid Config: only one of"},
		{"issuers and verifier", middleware.Config{Issuers: issuers, Verifier: fake}, "middleware: invalid Config: only one of"},
		{"verifier and issuer", middleware.Config{Issuer: issuerURL, Audiences: []string{api}, Verifier: fake}, "middleware: invalid Config: only one of"},
		{"verifier and audiences", middleware.Config{Audiences: []string{api}, Verifier: fake}, "middleware: invalid Config: only one of"},
		{"audiences that are empty, and issuers", middleware.Config{Audiences: []string{}, Issuers: issuers}, "middleware: invalid Config: only one of"},
		{"a verifier that could not be made", middleware.Config{Verifier: missing}, "middleware: invalid Config.Verifier: a nil *claims.Verifier"},

		{"issuer without audiences", middleware.Config{Issuer: issuerURL}, `middleware: invalid Config.Audiences []: at least one is required`},
		{"issuer with no audience", middleware.Config{Issuer: issuerURL, Audiences: []string{}}, `middleware: invalid Config.Audiences []: at least one`},
		{"issuer with an empty audience", middleware.Config{Issuer: issuerURL, Audiences: []string{api, ""}}, `middleware: invalid Config.Audiences ["https://api.example.test" ""]:`},
		{"audiences without an issuer", middleware.Config{Audiences: []string{api}}, `middleware: invalid Config.Issuer "": it goes with Audiences`},
		{"JWKSURL without an issuer", middleware.Config{Audiences: []string{api}, JWKSURL: "https://k.test/"}, `middleware: invalid Config.Issuer "": it goes with Audiences`},
		{"issuer over http", middleware.Config{Issuer: "http://issuer.example.test/", Audiences: []string{api}}, `middleware: invalid Config.Issuer "http://issuer.example.test/": `},
		{"keys over http", middleware.Config{Issuer: issuerURL, Audiences: []string{api}, JWKSURL: "http://k.test/"}, `middleware: invalid Config.JWKSURL "http://k.test/": `},
		{"issuer that is no URL", middleware.Config{Issuer: "issuer", Audiences: []string{api}}, `middleware: invalid Config.Issuer "issuer": `},

		{"JWKSURL with issuers", middleware.Config{Issuers: issuers, JWKSURL: "https://k.test/"}, `middleware: invalid Config.JWKSURL "https://k.test/": it goes with Issuer only`},
		{"JWKSURL with a verifier", middleware.Config{Verifier: fake, JWKSURL: "https://k.test/"}, `middleware: invalid Config.JWKSURL "https://k.test/": it goes with Issuer only`},
		{"client with a verifier", middleware.Config{Verifier: fake, Client: http.DefaultClient}, "middleware: invalid Config.Client: no keys are fetched"},
		{"client with issuers that have their keys", middleware.Config{Issuers: issuers, Client: http.DefaultClient}, "middleware: invalid Config.Client: no keys are fetched"},
		{"insecure hosts with a verifier", middleware.Config{Verifier: fake, InsecureHTTPHosts: []string{"x"}}, "middleware: invalid Config.InsecureHTTPHosts: no keys are fetched"},
		{"required claims with issuers", middleware.Config{Issuers: issuers, RequiredClaims: []string{"sub"}}, "middleware: invalid Config.RequiredClaims: it goes with Issuer only; set it in the claims.Issuer"},
		{"leeway with issuers", middleware.Config{Issuers: issuers, Leeway: 1}, "middleware: invalid Config.Leeway: it goes with Issuer only"},
		{"a hook with a verifier", middleware.Config{Verifier: fake, Validate: func(context.Context, *claims.Claims) error { return nil }}, "middleware: invalid Config.Validate: it goes with Issuer only"},
		{"private hosts with a verifier", middleware.Config{Verifier: fake, PrivateHosts: []string{"x"}}, "middleware: invalid Config.PrivateHosts: no keys are fetched"},
		{"redirects with issuers that have their keys", middleware.Config{Issuers: issuers, AllowRedirects: true}, "middleware: invalid Config.AllowRedirects: no keys are fetched"},
		{"a fetch limit with a verifier", middleware.Config{Verifier: fake, FetchLimit: jwks.NewFetchLimit(1)}, "middleware: invalid Config.FetchLimit: no keys are fetched"},
		{"cache entries with a verifier", middleware.Config{Verifier: fake, CacheEntries: 1}, "middleware: invalid Config.CacheEntries 1: a Verifier remembers tokens itself"},
		{"too many cache entries", middleware.Config{Issuers: issuers, CacheEntries: 1<<30 + 1}, "claims: invalid Config.CacheEntries"},
		{"a fetch limit that NewFetchLimit did not make", middleware.Config{Issuer: issuerURL, Audiences: []string{api}, FetchLimit: new(jwks.FetchLimit)}, "middleware: invalid Config: jwks: invalid Config.FetchLimit: make it with NewFetchLimit"},
		{"a private host with a port", middleware.Config{Issuer: issuerURL, Audiences: []string{api}, PrivateHosts: []string{"x:1"}}, "middleware: invalid Config: jwks: invalid Config.PrivateHosts entry \"x:1\""},
		{"a leeway of an hour", middleware.Config{Issuer: issuerURL, Audiences: []string{api}, Leeway: time.Hour}, "Leeway 1h0m0s is not between 0 and 5m0s"},
		{"an empty required claim", middleware.Config{Issuer: issuerURL, Audiences: []string{api}, RequiredClaims: []string{""}}, "RequiredClaims has an empty name"},
		{"a JWKSURL beside keys", middleware.Config{Issuers: []claims.Issuer{{URL: issuerURL, Audiences: []string{api}, Keys: keySet{}, JWKSURL: "https://k.test/"}}}, "JWKSURL would have no effect, because Keys is set"},
		{"a JWKSURL of an issuer, over http", middleware.Config{Issuers: []claims.Issuer{{URL: issuerURL, Audiences: []string{api}, JWKSURL: "http://k.test/"}}}, `middleware: invalid Config.Issuers[0].JWKSURL "http://k.test/": `},
		{"HMAC without a secret", middleware.Config{Issuers: []claims.Issuer{{URL: issuerURL, Audiences: []string{api}, Algorithms: []string{"HS256"}}}}, `middleware: invalid Config.Issuers[0].Algorithms "HS256": an HMAC secret is never fetched; set Keys`},
		{"discovery over http", middleware.Config{Issuers: []claims.Issuer{issuers[0], {URL: "http://b.test", Audiences: []string{api}}}}, `middleware: invalid Config.Issuers[1].URL "http://b.test": `},
		{"issuer twice", middleware.Config{Issuers: []claims.Issuer{issuers[0], issuers[0]}}, `"https://issuer.example.test/" is a duplicate`},

		{"negative MaxTokenBytes", middleware.Config{Verifier: fake, MaxTokenBytes: -1}, "middleware: invalid Config.MaxTokenBytes -1: it is not between 0 and 1 MiB"},
		{"MaxTokenBytes over 1 MiB", middleware.Config{Verifier: fake, MaxTokenBytes: 1<<20 + 1}, "middleware: invalid Config.MaxTokenBytes 1048577:"},
		{"realm with a line break", middleware.Config{Verifier: fake, Realm: "a\r\nb"}, `middleware: invalid Config.Realm "a\r\nb": it must be printable ASCII`},
		{"realm that is not ASCII", middleware.Config{Verifier: fake, Realm: "é"}, `middleware: invalid Config.Realm "é"`},
		{"metadata over http", middleware.Config{Verifier: fake, ResourceMetadataURL: "http://api.test/x"}, `middleware: invalid Config.ResourceMetadataURL "http://api.test/x": https is required`},
		{"metadata elsewhere on this host", middleware.Config{Verifier: fake, ResourceMetadataURL: "/x"}, `middleware: invalid Config.ResourceMetadataURL "/x": it needs a host`},
		{"metadata with a fragment", middleware.Config{Verifier: fake, ResourceMetadataURL: "https://api.test/#"}, `middleware: invalid Config.ResourceMetadataURL "https://api.test/#": it needs a host`},
		{"metadata with a password", middleware.Config{Verifier: fake, ResourceMetadataURL: "https://a:b@api.test/"}, `it needs a host, and neither user information nor a fragment`},
		{"metadata with a quote", middleware.Config{Verifier: fake, ResourceMetadataURL: `https://api.test/"`}, `a character must be percent-encoded`},
		{"metadata with a backslash", middleware.Config{Verifier: fake, ResourceMetadataURL: `https://api.test/\`}, `a character must be percent-encoded`},
		{"resource over http", middleware.Config{Verifier: fake, Resource: "http://api.test"}, `middleware: invalid Config.Resource "http://api.test": https is required`},
		{"resource that is a name", middleware.Config{Verifier: fake, Resource: "urn:api"}, `middleware: invalid Config.Resource "urn:api": it needs a host`},
		{"resource without a scheme", middleware.Config{Verifier: fake, Resource: "api.test/x"}, `middleware: invalid Config.Resource "api.test/x": it needs a host`},
		{"resource with a fragment (RFC 9728 section 1.2)", middleware.Config{Verifier: fake, Resource: "https://api.test/#x"}, `middleware: invalid Config.Resource "https://api.test/#x": it needs a host, and neither user information nor a fragment`},
		{"resource with a password", middleware.Config{Verifier: fake, Resource: "https://a:b@api.test/"}, `invalid Config.Resource "https://a:b@api.test/": it needs a host`},
		{"resource with a space", middleware.Config{Verifier: fake, Resource: "https://api.test/a b"}, `invalid Config.Resource "https://api.test/a b": a character must be percent-encoded`},
		{"resource that is not ASCII", middleware.Config{Verifier: fake, Resource: "https://api.test/é"}, `a character must be percent-encoded`},
		{"no authorization servers", middleware.Config{Verifier: fake, Resource: api, AuthorizationServers: []string{}}, `middleware: invalid Config.AuthorizationServers []: at least one is required`},
		{"authorization servers without a resource", middleware.Config{Verifier: fake, AuthorizationServers: []string{issuerURL}}, `middleware: invalid Config.AuthorizationServers ["https://issuer.example.test/"]: they go with Resource only`},
		{"an authorization server that is not trusted", middleware.Config{Issuers: issuers, Resource: api, AuthorizationServers: []string{issuerURL, "https://issuer.example.test"}}, `middleware: invalid Config.AuthorizationServers "https://issuer.example.test": it is none of the issuers`},
		{"an authorization server twice", middleware.Config{Issuers: issuers, Resource: api, AuthorizationServers: []string{issuerURL, issuerURL}}, `middleware: invalid Config.AuthorizationServers "https://issuer.example.test/": a duplicate`},
		{"an authorization server over http", middleware.Config{Verifier: fake, Resource: api, AuthorizationServers: []string{"http://a.test"}}, `middleware: invalid Config.AuthorizationServers "http://a.test": https is required`},
		{"an authorization server that is no URL", middleware.Config{Verifier: fake, Resource: api, AuthorizationServers: []string{""}}, `middleware: invalid Config.AuthorizationServers "": it is not a URL with a host`},
		{"metadata that is no URL", middleware.Config{Verifier: fake, ResourceMetadataURL: "https://api.test/%zz"}, `it is not a URL`},
	} {
		t.Run(tt.rule, func(t *testing.T) {
			auth, err := middleware.New(tt.config)
			assert.Nil(t, auth)
			assert.ErrorContains(t, err, tt.want)
		})
	}
}

func TestEveryMistakeIsReportedAtOnce(t *testing.T) {
	_, err := middleware.New(middleware.Config{
		Issuers: []claims.Issuer{
			{URL: "http://a.test", Audiences: []string{api}},
			{URL: "https://b.test", Leeway: -1, Algorithms: []string{"HS512"}},
		},
		JWKSURL: "https://k.test/", MaxTokenBytes: -1, Realm: "\n", ResourceMetadataURL: "x",
		Resource: "y", AuthorizationServers: []string{"https://c.test"},
	})
	require.Error(t, err)
	for _, part := range []string{
		"Config.JWKSURL", "Config.MaxTokenBytes", "Config.Realm", "Config.ResourceMetadataURL",
		"Config.Resource ", "Config.AuthorizationServers",
		"Config.Issuers[0].URL", "Config.Issuers[1].Algorithms", "Leeway", "Audiences is empty",
	} {
		assert.ErrorContains(t, err, part)
	}
	assert.NotContains(t, err.Error(), "Keys is nil", "a consequence of another mistake")

	_, err = middleware.New(middleware.Config{Issuer: "http://a.test", Realm: "\n"})
	for _, part := range []string{"Config.Issuer", "Config.Audiences", "Config.Realm"} {
		assert.ErrorContains(t, err, part)
	}
	assert.Equal(t, 2, strings.Count(err.Error(), "\n"), "one line for each mistake: %v", err)
}

func TestConfigIsCopied(t *testing.T) {
	config := middleware.Config{Issuers: []claims.Issuer{{URL: issuerURL, Audiences: []string{api}}}}
	_, err := middleware.New(config)
	require.NoError(t, err)
	assert.Nil(t, config.Issuers[0].Keys, "the caller's issuers are unchanged")
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestNewMakesNoRequest(t *testing.T) {
	client := &http.Client{Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
		t.Errorf("request to %s", r.URL)
		return nil, http.ErrHandlerTimeout
	})}
	_, err := middleware.New(middleware.Config{Issuer: issuerURL, Audiences: []string{api}, Client: client})
	require.NoError(t, err)
	_, err = middleware.New(middleware.Config{Issuers: []claims.Issuer{{URL: issuerURL, Audiences: []string{api}}}, Client: client})
	require.NoError(t, err)
}

// What is wrong for all issuers is reported once.
func TestMistakesOfAllCachesAreReportedOnce(t *testing.T) {
	issuers := []claims.Issuer{{URL: issuerURL, Audiences: []string{api}}, {URL: "https://b.test", Audiences: []string{api}}}
	_, err := middleware.New(middleware.Config{Issuers: issuers, PrivateHosts: []string{"https://x"}})
	require.Error(t, err)
	assert.NotContains(t, err.Error(), "\n")
}
