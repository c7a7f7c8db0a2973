// Package revocation refuses tokens that were cut off before they expire. It cuts off one token,
// a session, a user, a client, or all tokens of an issuer.
//
// A [List] stands in front of the Validate hook of an issuer, which is asked on every request:
//
//	list, err := revocation.New(revocation.Config{Do: do}) // without Do: for this process only
//	…
//	go list.Run(ctx)
//	issuer := list.Protect(claims.Issuer{
//		URL: "https://issuer.example.com/", Audiences: []string{"https://api.example.com"},
//		MaxLifetime: time.Hour,
//	})
//	…
//	err = list.Add(ctx, revocation.Entry{Kind: revocation.Subject, Issuer: issuer.URL, ID: "alice"})
//
// A token that was cut off gets a 401, also if the verifier remembers it. A stream that runs is
// ended by the next check of its token: see UntilExpiry of package middleware.
//
// Entries are keyed by claims, never by the bytes of a token: a signature can have more than
// one spelling. So a token can be cut off only by a claim that it has. Session needs sid, which
// many issuers write into access tokens only if they are told to.
//
// # Where entries come from
//
//   - The application calls [List.Add].
//   - [List.LogoutHandler] takes logout tokens from an identity provider (OpenID Connect
//     Back-Channel Logout 1.0).
//   - With Config.Do, all processes share the list in a Valkey or Redis server: what one of them
//     adds, the others read within a second or so.
//
// # Times
//
// A not-before is compared with iat in whole seconds, rounded up, so tokens that were issued in
// the second of the event are refused, too. For entries of the application, five seconds are
// added. A user who logs in again in this time gets a token that is refused.
//
// An entry must live as long as the longest token that it refuses. So entries of sessions,
// subjects, clients and issuers need the MaxLifetime of the issuer.
//
// # A shared list
//
// A process reads once a second what is new in the server, and every five minutes the whole
// list. An outage of the server makes the list old. A list older than Config.MaxAge refuses each
// request with a 503; with ContinueWhenStale, it goes on with what it knows. A process keeps an
// entry that it knows until it expires or is removed, also if the server has lost it.
//
// A new process that cannot read the list refuses each request, and Ready of package middleware
// does not know that. So a readiness probe should also ask [List.Check] with new(claims.Claims),
// or a rollout with a wrong password replaces processes that work.
//
// The server must be Valkey, or Redis 7.0 or later, and allow scripts. It must not evict the two
// keys, which have no time to live: its maxmemory-policy must not be one of allkeys. It must be a
// primary: a replica can have an old list, so it is an outage.
//
// A server without persistence loses the list when it restarts. Replication is asynchronous, so a
// failover can lose the last writes. Each process notices a loss within a second, and within some
// 10 seconds more it gives back what is missing of the newest 10,000 entries that it has read.
// Until then, and beyond this number, processes that start do not know what was on the list. It is
// lost if no process runs meanwhile. So deleting the keys does not empty the list: use
// [List.Remove]. An entry that was removed can come back from a process that had not read the
// removal before the server lost it.
//
// If the clock of the new primary is more than five seconds behind that of the old one, processes
// may read the next changes only with the whole list. So the clocks of the servers must agree, too.
//
// Anyone who can write to the server can cut off any token, and can hide entries from processes
// that start later. It has the identifiers of users in clear. A process needs no more rights
// than these:
//
//	~{bearerguard:revocation}:* +@connection +eval +time +hlen +hget +hmget +hset +hdel +zadd +zscore +zrem +zrangebyscore +zrevrangebyscore
//
// The clocks of the processes and of the issuers must agree to within seconds.
package revocation
