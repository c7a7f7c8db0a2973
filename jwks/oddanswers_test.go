package jwks_test

import (
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/jwks"
	"github.com/bearerguard/bearerguard/jwks/jwkstest"
)

// notModified answers conditional requests with 304 and these ETags, and other requests with
// "current".
func notModified(etags ...string) jwkstest.Fault {
	return func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		if r.Header.Get("If-None-Match") == "" {
			w.Header().Set("ETag", `"current"`)
			next.ServeHTTP(w, r)
			return
		}
		w.Header()["Etag"] = etags
		w.WriteHeader(http.StatusNotModified)
	}
}

// A server that answers 304 with another ETag speaks of another document than ours.
func TestA17NotModifiedWithAnotherETagIsAskedAgain(t *testing.T) {
	for name, tt := range map[string]struct {
		answer   jwkstest.Fault
		requests int
	}{
		"another ETag":           {notModified(`"next"`), 2},
		"another weak ETag":      {notModified(`W/"next"`), 2},
		"an ETag without quotes": {notModified(`current`), 2},
		"the same ETag":          {notModified(`"current"`), 1},
		"the same ETag, weak":    {notModified(`W/"current"`), 1},
		"no ETag":                {notModified(), 1},
		"another ETag, every time": {func(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
			w.Header().Set("ETag", `"x"`)
			w.WriteHeader(304)
		}, 2},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				issuer := newIssuer()
				issuer.Fail(jwkstest.JWKS, notModified())
				cache := newWarmCache(t, issuer)
				issuer.Publish(newKey)
				issuer.Fail(jwkstest.JWKS, tt.answer)
				time.Sleep(whileRevalidating)
				assert.Equal(t, tt.requests, keySetRequests(issuer, func() { requireKnown(t, cache, "known") }))
				if name == "another ETag, every time" {
					assert.ErrorContains(t, cache.Status().LastError, "status 304, although there was no condition")
					return
				}
				assertState(t, jwks.StateFresh, cache)
				assert.Equal(t, tt.requests == 2, len(cache.Status().KeyIDs) == 2)
			})
		})
	}
}

const byteOrderMark = "\ufeff"

func TestA17ByteOrderMarkIsIgnored(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var d disk
		issuer := newIssuer()
		marked := func(document string) jwkstest.Fault { return respond(http.StatusOK, byteOrderMark+document) }
		issuer.Fail(jwkstest.JWKS, marked(string(issuer.Document())))
		issuer.Fail(jwkstest.Discovery, marked(`{"issuer":"https://issuer.example.test/","jwks_uri":"`+issuer.JWKSURL()+`"}`))
		cache := newCache(t, issuer, d.use)
		requireKnown(t, cache, "known")
		cache.Block("leaked")
		synctest.Wait()

		atHost(jwkstest.Refuse())(issuer)
		cache = newCache(t, issuer, d.use)
		requireKnown(t, cache, "known")
		assert.Equal(t, []string{"leaked"}, cache.Status().Blocked)
		assert.Contains(t, string(d.document), "bearerguard_blocked")
	})
}

// One mark is a mistake of an editor. What else is before the object is not JSON.
func TestA17OnlyOneByteOrderMarkIsIgnored(t *testing.T) {
	for _, prefix := range []string{byteOrderMark + byteOrderMark, "\xff\xfe", "\xfe\xff", "\xef\xbb", "x"} {
		bubble(t, func(t *testing.T) {
			issuer := newIssuer()
			issuer.Fail(jwkstest.JWKS, respond(http.StatusOK, prefix+string(issuer.Document())))
			assert.ErrorContains(t, newCache(t, issuer).Refresh(t.Context()), "not a JWK Set", "%q", prefix)
		})
	}
}

// An error of New reaches logs.
func TestA17PasswordInAConfigIsNotPrinted(t *testing.T) {
	for _, address := range []string{
		"https://user:" + secret + "@issuer.example/",
		"https://user:" + secret + "@issuer.example",
		"https://" + secret + "@issuer.example/",
		"http://user:" + secret + "@issuer.example/k",
		"user:" + secret + "@issuer.example",
		"//user:" + secret + "@issuer.example/",
		"https://user:" + secret + "%zz@issuer.example/",
		"https://user:a b" + secret + "@issuer.example/",
		"https://user:a/" + secret + "@issuer.example/",
		"https://user:a?" + secret + "@issuer.example/",
		"https://user:a#" + secret + "@issuer.example/",
		"https://user:#" + secret + "@issuer.example/",
		"https://user:a@" + secret + "@issuer.example/",
		"http://user:/" + secret + "@issuer.example/",
		"ftp://user:" + secret + "@issuer.example/",
		"http://123:456/" + secret + "@issuer.example/",
	} {
		for field, config := range map[string]jwks.Config{
			"Issuer":            {Issuer: address},
			"URL":               {URL: address},
			"PrivateHosts":      {Issuer: "https://issuer.example/", PrivateHosts: []string{address}},
			"InsecureHTTPHosts": {Issuer: "https://issuer.example/", InsecureHTTPHosts: []string{address}},
		} {
			_, err := jwks.New(config)
			require.ErrorContains(t, err, "jwks: invalid Config."+field)
			assert.NotContains(t, err.Error(), secret, address)
			assert.Contains(t, err.Error(), "issuer.example")
		}
	}
}
