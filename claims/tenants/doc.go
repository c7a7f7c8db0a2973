// Package tenants finds the issuers of tenants at run time, when a token names one.
//
// A service whose tenants bring their own identity provider does not know all issuers when it
// starts. A [Resolver] asks the service for an issuer that is not configured, and remembers the
// answer for a short time:
//
//	resolver, err := tenants.New(tenants.Config{
//		Patterns: []string{"https://login.example.com/realms/*"},
//		Lookup: func(ctx context.Context, iss string) (claims.Issuer, bool, error) {
//			tenant, err := db.TenantByIssuer(ctx, iss) // the row of exactly this issuer
//			if errors.Is(err, sql.ErrNoRows) {
//				return claims.Issuer{}, false, nil
//			}
//			return claims.Issuer{URL: iss, Audiences: []string{tenant.Audience}}, err == nil, err
//		},
//	})
//	…
//	auth, err := middleware.New(middleware.Config{Tenants: resolver})
//
// Where the whole list of issuers is known, and changes seldom, Replace of middleware.Middleware
// is simpler: it needs no look-up.
//
// # What strangers can cause
//
// Anyone can write any iss into a token, so an iss is looked up only if it matches one of the
// Patterns, which the Config must have. There is one look-up for an issuer at a time, and there
// are at most 64 at once. Look-ups that find nothing are remembered for 10 seconds. After the
// first 64, they are limited to 20 per second, and so are those that fail or find an issuer with
// another URL. Beyond that, an iss that is not remembered gets a 503 without a look-up. Tenants
// that are remembered are not affected: their look-ups have slots of their own. So the Patterns
// should be as narrow as they can be.
//
// A tenant without a verified token never takes the place of one that has had one. So a stranger
// who knows the names of tenants cannot push out those that are used.
//
// The URL of a tenant is not configured by hand. It is dialled on public addresses only, over
// https, and without redirects: see PublicOnly and Client of [jwks.Config].
//
// # Opaque tokens
//
// An opaque token names no issuer, so no tenant is looked up for it: only issuers that are
// configured can have opaque tokens. The JWTs of a tenant can be introspected, by an Introspector
// with OnlyJWT. Lookup must return the same Introspector each time: with another one the tenant
// counts as changed, and its answers are forgotten. An Introspector dials its Endpoint on private
// addresses, too. So the Endpoint must not be a tenant's to choose.
//
// # When a tenant changes or leaves
//
// Its new settings are used after TTL at the latest, and after [Resolver.Forget] with the next
// request. Remembered tokens are judged by the new settings, too. Its keys are kept while its
// JWKSURL stays the same.
//
// If Lookup fails, the answer is a 503, also for a tenant whose TTL has passed: whether it is
// still a tenant is not known.
package tenants
