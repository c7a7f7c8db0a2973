// Package jwks obtains the keys that verify access tokens.
//
// Most programs use package middleware, which makes a [Cache] with [New]. A Cache finds an
// issuer's JWK Set (RFC 7517) by discovery or at a URL and keeps it current. [NewStatic],
// [StaticKeys] and [NewSecrets] hold keys that never change. All implement [claims.KeySet].
//
// The words below are those of RFC 9111 (fresh, age) and RFC 5861 (stale-while-revalidate,
// stale-if-error).
//
// # States
//
//	state                   age                    what requests get
//	cold                    no set yet             join a fetch, or an error during backoff
//	fresh                   under RefreshAfter     the set
//	stale-while-revalidate  then, for              the set; one refresh runs behind
//	                        StaleWhileRevalidate
//	stale-if-error          then, up to MaxStale   one shared refresh, at most 3 s from its
//	                                               beginning; the old set at once if the
//	                                               latest fetch failed, or after 3 s
//	exhausted               MaxStale and more      as cold
//
// A set's age counts from the start of the fetch that last delivered or confirmed it. The
// larger of the wall-clock and monotonic ages is used, so a set is not fresh after a
// suspend. If the wall clock was set back by more than 5 s, the set is stale at best.
//
// A token with an unknown alg and kid causes one forced fetch, which all such tokens share,
// and is looked up again. The error is [claims.ErrUnknownKey] only if the latest fetch
// succeeded, began at most 10 s ago and lacks the key, or if no fetch could help. Otherwise it
// is a [*claims.UnavailableError]: an outage is never reported as a bad token.
//
// # Numbers
//
//	RefreshAfter           15 minutes, less up to 10 % at random; at most 1 hour.
//	                       Cache-Control: max-age less Age replaces it, but never below
//	                       5 minutes or above 1 hour
//	StaleWhileRevalidate   45 minutes
//	MaxStale               24 hours
//	FetchLimit             16 fetches in flight
//	a request waits        at most 3 seconds in all
//	a fetch takes          at most 5 seconds, with discovery and retries
//	retries of a fetch     2, after 0.1 to 0.9 seconds, on network errors, 5xx, 408 and 429;
//	                       none if it is forced
//	forced fetches         3 at once, then 1 per 10 seconds; failures count too
//	backoff                1 second to 5 minutes, doubling, with full jitter; at most 10
//	                       seconds if cold or exhausted; Retry-After within these bounds
//	a document             512 KiB after decompression, 256 keys, kids of 256 bytes; 64 KiB
//	                       of header
//	discovery              is read again after 24 hours, after a failure, and when the
//	                       jwks_uri answers 404 or 410; never by a forced fetch
//
// A RefreshAfter under 15 minutes lowers the bounds of max-age and the default of
// StaleWhileRevalidate in proportion. Scheduled fetches are conditional (ETag,
// Last-Modified). Forced fetches and [Cache.Refresh] send Cache-Control: no-cache.
//
// # Promises
//
// Each has tests: go test -run P1 ./jwks, and so on.
//
//   - P1: No request waits for a refresh while the set is fresh or stale-while-revalidate
//     and has the request's key.
//   - P2: Concurrent requests with unknown kids share one forced fetch, which is one HTTP
//     request. There are at most 3 at once and 1 per 10 s after that.
//   - P3: An outage shorter than MaxStale is invisible to tokens of known keys, but for one
//     wait of 3 s. MaxStale counts from the last success; a server that idles needs [Cache.Run].
//   - P4: A published new kid is accepted on its first use if a forced fetch is left and the
//     issuer answers within 3 s, otherwise within 10 s. In a set without kids, a new key
//     waits for the next scheduled refresh.
//   - P5: A removed key is refused after one freshness period plus StaleWhileRevalidate, while
//     the issuer answers with a usable key: by default 1 h, at most 1 h 45 min with a long
//     max-age. [Cache.Block] refuses a key at once. Exception: after a forced fetch failed and
//     the server idled, the first request still gets the old set. With Run there is none.
//   - P6: New makes no request and starts no goroutine. Nothing must be closed. No goroutine
//     outlives its fetch.
//   - P7: A waiting request leaves when its context ends, or after 3 s. It never cancels the
//     fetch it shares.
//
// Not promised: new material under an old kid, which OpenID Connect Core 10.1.1 forbids, is
// noticed by the next scheduled refresh. A jwks_uri that moves while the old address still
// answers is noticed within about a day.
//
// # In an emergency
//
// A private key has leaked: call [Cache.Block] with its kid in every process. The issuer
// removed a key and an hour is too long: call [Cache.Refresh] in every process. The issuer
// publishes nothing usable: the last good set serves until MaxStale, and [Cache.Status] says
// why; only processes that start meanwhile need a Seed. A published key is not accepted:
// look at Status().Skipped.
//
// # Addresses
//
// Keys come over https; http is for a configured address on loopback or in InsecureHTTPHosts.
// Redirects are followed only with AllowRedirects, to the same host and port. A jwks_uri on
// another host than the issuer's is dialled on public addresses only, unless PrivateHosts
// names the host. A proxy resolves names itself, so behind one this rule covers only IP
// addresses in URLs. No issuer and no address is ever taken from a token.
package jwks
