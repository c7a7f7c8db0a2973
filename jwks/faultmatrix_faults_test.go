package jwks_test

import (
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/bearerguard/bearerguard/jwks/jwkstest"
)

// A matrixFault is one way in which an issuer can fail or behave oddly. Faults of TLS and of
// compression need a socket: see TestFaultMatrixOverTLS.
type matrixFault struct {
	name, class string
	begin       func(*jwkstest.Issuer)
}

var matrixFaults = []matrixFault{
	{"none", "healthy", atKeySet(jwkstest.Delay(0))},
	{"wrong content type", "healthy", atKeySet(jwkstest.ContentType("text/html"))},
	{"no content type", "healthy", atKeySet(jwkstest.ContentType(""))},
	{"answer after 2 s", "slow", atKeySet(jwkstest.Delay(2*time.Second - latency))},
	{"answer after 4 s", "too slow", atKeySet(jwkstest.Delay(4 * time.Second))},

	{"connection refused", "retried", atKeySet(jwkstest.Refuse())},
	{"connection reset", "retried", atKeySet(jwkstest.Reset())},
	{"truncated body", "retried", atKeySet(jwkstest.Truncate())},
	{"hang before headers", "hanging", atKeySet(jwkstest.Hang())},
	{"hang in body", "hanging", atKeySet(jwkstest.Stall())},
	{"slow drip", "hanging", atKeySet(jwkstest.Drip(time.Second))},

	{"HTML", "final", atKeySet(respond(http.StatusOK, "<!DOCTYPE html><title>Sign in</title>"))},
	{"empty object", "final", atKeySet(respond(http.StatusOK, "{}"))},
	{"no keys", "final", atKeySet(respond(http.StatusOK, `{"keys":[]}`))},
	{"unusable keys", "final", atKeySet(respond(http.StatusOK, `{"keys":[{"kty":"oct","kid":"known","k":"AA"},{"kty":"XX"}]}`))},
	{"600 KiB", "final", atKeySet(jwkstest.Pad(600 << 10))},
	{"endless body", "final", atKeySet(jwkstest.Pad(-1))},
	{"100,000 keys", "final", atKeySet(respond(http.StatusOK, manyKeys(filler)))},
	{"100,000 empty keys", "final", atKeySet(respond(http.StatusOK, manyKeys("{}")))},

	{"304 without a condition", "final", atKeySet(respond(http.StatusNotModified, ""))},
	{"401", "final", atKeySet(respond(http.StatusUnauthorized, ""))},
	{"403", "refused", atKeySet(respond(http.StatusForbidden, ""))},
	{"404", "gone", atKeySet(respond(http.StatusNotFound, ""))},
	{"408", "retried", atKeySet(respond(http.StatusRequestTimeout, ""))},
	{"410", "gone", atKeySet(respond(http.StatusGone, ""))},
	{"429", "retried", atKeySet(respond(http.StatusTooManyRequests, ""))},
	{"429, Retry-After 1 s", "retried after 1 s", atKeySet(limited("1"))},
	{"429, Retry-After 60 s", "retried after a minute", atKeySet(limited("60"))},
	{"500", "retried", atKeySet(respond(http.StatusInternalServerError, ""))},
	{"503", "retried", atKeySet(respond(http.StatusServiceUnavailable, ""))},

	{"redirect loop", "final", atKeySet(jwkstest.Redirect(""))},
	{"redirect to http", "final", atKeySet(redirect("http://issuer.example.test/.well-known/jwks.json?moved"))},
	{"redirect to another host", "final", atKeySet(redirect("https://evil.example/.well-known/jwks.json?moved"))},
	{"redirect to the same host", "final", atKeySet(redirect("https://issuer.example.test/.well-known/jwks.json?moved"))},

	{"discovery refused", "discovery fails", atDiscovery(jwkstest.Refuse())},
	{"discovery hangs", "discovery hanging", atDiscovery(jwkstest.Hang())},
	{"discovery 500", "discovery fails", atDiscovery(respond(http.StatusInternalServerError, ""))},
	{"discovery HTML", "metadata at RFC 8414's address only", atDiscovery(respond(http.StatusOK, "<html>"))},
	{"discovery 302", "metadata at RFC 8414's address only", atDiscovery(redirect("https://issuer.example.test/login"))},
	{"discovery 401", "metadata at RFC 8414's address only", atDiscovery(respond(http.StatusUnauthorized, ""))},
	{"discovery 404", "metadata at RFC 8414's address only", atDiscovery(respond(http.StatusNotFound, ""))},
	{"discovery HTML at both addresses", "discovery fails at both addresses", atBoth(respond(http.StatusOK, "<html>"))},
	{"discovery with another issuer", "discovery fails", atDiscovery(edit("issuer", "https://evil.example/"))},
	{"discovery without jwks_uri", "discovery fails", atDiscovery(edit("jwks_uri", jwkstest.Absent))},
	{"discovery with an http jwks_uri", "discovery fails", atDiscovery(edit("jwks_uri", "http://issuer.example.test/.well-known/jwks.json"))},
	{"discovery with a private jwks_uri", "discovery fails", atDiscovery(edit("jwks_uri", "https://169.254.169.254/.well-known/jwks.json"))},

	{"firewall: no-cache gets 403", "no-cache refused", atKeySet(onNoCache(respond(http.StatusForbidden, "")))},
	{"firewall: no-cache gets 503", "no-cache refused", atKeySet(onNoCache(respond(http.StatusServiceUnavailable, "")))},
	{"firewall: no-cache is reset", "no-cache refused", atKeySet(onNoCache(jwkstest.Reset()))},

	{"host refuses", "host retried", atHost(jwkstest.Refuse())},
	{"host hangs", "host hanging", atHost(jwkstest.Hang())},
	{"host 503", "host retried", atHost(respond(http.StatusServiceUnavailable, ""))},

	{"moved jwks_uri, and the old address answers", "moved", move("https://issuer.example.test/moved/jwks.json")},
	{"moved to another host, and the old address answers", "moved", move("https://keys.example.net/moved/jwks.json")},
}

func atKeySet(fault jwkstest.Fault) func(*jwkstest.Issuer) {
	return func(i *jwkstest.Issuer) { i.Fail(jwkstest.JWKS, afterLatency(fault)) }
}

func atDiscovery(fault jwkstest.Fault) func(*jwkstest.Issuer) {
	return func(i *jwkstest.Issuer) { i.Fail(jwkstest.Discovery, afterLatency(fault)) }
}

// atBoth breaks discovery at OpenID Connect's address and at RFC 8414's.
func atBoth(fault jwkstest.Fault) func(*jwkstest.Issuer) {
	return func(i *jwkstest.Issuer) {
		atDiscovery(fault)(i)
		i.Fail(jwkstest.Metadata, afterLatency(fault))
	}
}

func atHost(fault jwkstest.Fault) func(*jwkstest.Issuer) {
	return func(i *jwkstest.Issuer) {
		atKeySet(fault)(i)
		atDiscovery(fault)(i)
	}
}

func move(to string) func(*jwkstest.Issuer) {
	return func(i *jwkstest.Issuer) { i.MoveJWKS(to) }
}

func respond(status int, body string) jwkstest.Fault { return jwkstest.Respond(status, nil, body) }

func limited(seconds string) jwkstest.Fault {
	return jwkstest.Respond(http.StatusTooManyRequests, http.Header{"Retry-After": {seconds}}, "")
}

func edit(member string, value any) jwkstest.Fault {
	return jwkstest.Edit(map[string]any{member: value})
}

// filler is a usable key.
const filler = `{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo","kid":"filler"}`

func manyKeys(key string) string {
	return fmt.Sprintf(`{"keys":[%s%s]}`, strings.Repeat(key+",", 99_999), key)
}

// redirect leads to good keys. A cache that follows it gets a set, and the test notices.
func redirect(to string) jwkstest.Fault {
	return func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		if r.URL.RawQuery == "moved" {
			next.ServeHTTP(w, r)
			return
		}
		jwkstest.Redirect(to)(w, r, next)
	}
}

// onNoCache breaks the requests with Cache-Control: no-cache.
func onNoCache(fault jwkstest.Fault) jwkstest.Fault {
	return func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		if r.Header.Get("Cache-Control") == "no-cache" {
			fault(w, r, next)
			return
		}
		next.ServeHTTP(w, r)
	}
}
