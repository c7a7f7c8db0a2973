// Package jwks obtains the keys that access tokens are verified with.
//
// Most programs use [New]: a [Cache] finds an issuer's JWK Set (RFC 7517) by discovery,
// or at a URL, and keeps it current. [NewStatic] and [StaticKeys] hold public keys that
// are known beforehand; [NewSecrets] holds HMAC secrets, which never mix with public
// keys. All are [claims.KeySet] values. Package middleware makes a Cache by itself.
//
// What follows is the contract of the Cache: its states, its numbers, its promises, and
// what to do when something has gone wrong. The words are those of RFC 9111 (freshness,
// age, validation) and RFC 5861 (stale-while-revalidate, stale-if-error).
//
// # States
//
// A set is as old as the fetch that brought or last confirmed it: by the wall clock or
// by the monotonic clock, whichever says more, so that a suspended machine does not wake
// up with a fresh set. If the wall clock was set back by more than 5 s since, the age is
// not trusted, and the set is stale at best.
//
//	state                   age                    what requests get
//	cold                    no set yet             wait for the attempt under way, or start
//	                                               one; in backoff an error at once
//	fresh                   under RefreshAfter     the set
//	stale-while-revalidate  then, for              the set; one refresh runs behind
//	                        StaleWhileRevalidate
//	stale-if-error          then, up to MaxStale   one shared refresh, for at most 3 s from
//	                                               its beginning; the old set at once if
//	                                               the last attempt failed, or after 3 s
//	exhausted               MaxStale and more      as cold
//
// In each state with a usable set, a token whose alg and kid are not in it makes one
// forced fetch, shared with all others, and is looked up again. If there is still no key
// for it, a refresh that is due is started behind it. A signature that does not verify
// under a known kid never fetches.
//
// The error is [claims.ErrUnknownKey] if the latest attempt succeeded, began at most 10 s
// ago and brought no such key; or, without a fetch, if none could help: for an alg that
// no public key has (HS256, none), for a kid that was withdrawn, and where more than four
// keys fit. In every other case where there is no key it is a [*claims.UnavailableError],
// whose RetryAfter names the next attempt: an outage is never taken for a bad token.
//
// # Defaults
//
// Fields of [Config]:
//
//	RefreshAfter           15 minutes, less up to 10 % at random; at most 1 hour.
//	                       Cache-Control: max-age less Age takes its place, but never
//	                       below 5 minutes or above 1 hour
//	StaleWhileRevalidate   45 minutes
//	MaxStale               24 hours
//	FetchLimit             16 fetches in flight
//
// With a RefreshAfter under 15 minutes, the bounds of max-age and the default of
// StaleWhileRevalidate go down in proportion. What cannot be configured:
//
//	a request waits             at most 3 seconds in all
//	a fetch takes               at most 5 seconds, with discovery and retries
//	retries of a fetch          2, after 0.1 to 0.9 seconds, on network errors, 5xx, 408
//	                            and 429; none if it is forced
//	forced fetches              3 at once, then 1 per 10 seconds; failures count too
//	backoff after failures      1 second to 5 minutes, doubling, with full jitter;
//	                            at most 10 seconds in the states cold and exhausted;
//	                            Retry-After is honoured within these bounds
//	a document                  512 KiB after decompression, 256 keys, kids of 256 bytes;
//	                            64 KiB of header
//	discovery                   is read again after 24 hours and after a failure, by the
//	                            next fetch that is not forced; a jwks_uri from discovery
//	                            that answers 404 or 410 makes such a fetch due at once
//
// Requests are conditional (ETag, Last-Modified), except where the point is to get past
// a cache: a forced fetch and [Cache.Refresh] ask for the whole document, with
// Cache-Control: no-cache.
//
// # Promises
//
// Each is a group of tests, whose names begin as shown.
//
// P1. No request waits for a refresh while the set is fresh or within its
// stale-while-revalidate window and holds the request's key.
// (TestP1NoRequestWaitsWhileTheSetIsFreshOrRevalidating,
// TestP1OneRefreshBehindHowEverManyRequests)
//
// P2. However many concurrent requests with unknown kids cause at most one fetch beyond
// the one under way. It is one HTTP request, whatever becomes of it, and does not wait
// for backoff; but with a Seed, until discovery has succeeded once, it has to read
// discovery first. There are at most 3 at once and 1 per 10 s after that. Where one has
// failed, a scheduled fetch may follow it: if one is due, and where the jwks_uri that
// discovery named answers 404 or 410. That one is subject to backoff.
// (TestP2UnknownKidsShareOneForcedFetch, TestP2AtMostOneFetchBeyondTheOneUnderWay,
// TestP2ForcedFetchIsOneAttempt, TestP2ForcedFetchesAreThreeAtOnceAndOnePerTenSeconds,
// TestP2ForcedFetchIgnoresBackoff, TestP2SixteenFetchesInFlightPerLimit)
//
// P3. An outage of the issuer that is shorter than MaxStale is invisible to tokens whose
// keys are known, and adds at most one wait of 3 s in all. MaxStale counts from the last
// success, not from the beginning of the outage: a server without requests makes no
// fetch, so it may have less left, or nothing. For one that idles, use [Cache.Run].
// (TestP3OutageAddsOneWaitAndIsOtherwiseInvisible)
//
// P4. A new kid that is published is accepted on its first use while a forced fetch is to
// be had and the issuer answers within 3 s, and otherwise within 10 s. A request that
// joined a fetch which had begun before it may make one more. It does not hold for a set
// in which no key has a kid: each kid is known there, and a new key waits for the next
// scheduled refresh.
// (TestP4PublishedKidIsAcceptedOnItsFirstUse,
// TestP4ReaderThatJoinedAnOlderFetchForcesOneMore,
// TestP4PublicationThatLagsBehindTheFirstToken)
//
// P5. A key that the issuer removes is refused one freshness period plus the
// stale-while-revalidate window later, and usually much sooner, while the issuer answers
// with at least one usable key. By default that is 1 h, and up to 1 h 45 min where the
// issuer's max-age is an hour or more. [Cache.Block] withdraws a key at once.
// (TestP5RemovedKeyIsRefusedWithinFreshnessAndWindow, TestP5BlockWithdrawsAtOnce)
//
// P6. Constructing a Cache makes no request and starts no goroutine, nothing has to be
// closed, and no goroutine outlives its fetch.
// (TestP6ConstructionMakesNoRequestAndStartsNoGoroutine,
// TestP6NoGoroutineOutlivesItsFetch)
//
// P7. A request that waits leaves when its own context ends, or after 3 s, and never
// cancels the fetch that it shares.
// (TestP7WaiterLeavesOnItsOwnContext, TestP7CancelledRequestDoesNotCancelTheFetch,
// TestP7NobodyWaitsForMoreThanThreeSeconds)
//
// A forced fetch that failed is an attempt like any other: if nobody asks after it, the
// next request is served the stale set at once, and a key that was removed meanwhile is
// refused only once the refresh behind that request has ended. [Cache.Run] leaves no
// such gap.
//
// What is not promised: new material under an old kid, which OpenID Connect Core 10.1.1
// asks issuers not to publish, is noticed by the next scheduled refresh. A jwks_uri that
// moves is noticed at the first unknown kid if its old address answers 404 or 410, at the
// next scheduled refresh if that fails in another way, and within about a day if it goes
// on answering.
//
// # In an emergency
//
// A private key has leaked. Call [Cache.Block] with its kid in every process: tokens
// under it are refused from the next request on, also those that were verified before,
// and whatever the issuer goes on publishing. Block lasts until the process ends; by
// then the issuer should have removed the key. It knows a key by what stands under the
// kid when it is called, or later: a key that the issuer had renamed by then has to be
// blocked under its new kid, too. In a set without kids it cannot withdraw a key, since a
// thief may put any kid, or none, into a token: there the issuer has to remove it, and
// [Cache.Refresh] makes sure of that.
//
// The issuer has removed a key, and an hour is too long. Call [Cache.Refresh] in every
// process. It gets past HTTP caches and does not wait for backoff.
//
// The issuer publishes nothing usable. Nothing needs to be done for as long as MaxStale:
// the last good set stays in use. [Cache.Status] says since when, and why. Processes
// that have to start meanwhile need a Seed.
//
// Tokens are refused with [claims.ErrUnknownKey] although the issuer publishes their
// key. Look at Skipped in the Status: the key may be of a kind or size that is not used.
//
// # Addresses
//
// Keys come over https. Plain http is for an Issuer or URL that is itself http, on
// loopback or on a host in InsecureHTTPHosts; nothing that an https issuer says leads
// there. Redirects are not followed unless AllowRedirects is set, and then only to the
// same host and port over https.
//
// A jwks_uri may be on another host than the issuer, as Google's is. Such a host is
// dialled on public unicast addresses only, which is checked after its name has been
// resolved; PrivateHosts makes exceptions. The issuer's own host is dialled wherever it
// is. Behind a proxy it is the proxy that resolves and dials, so there the rule on public
// addresses is the proxy's to keep; what is still refused is a jwks_uri whose host is
// itself an IP address that is not public. No issuer, and no address, is ever taken from a token.
package jwks
