package main

import (
	"context"
	"sync"
	"time"

	"github.com/bearerguard/bearerguard/claims"
	"github.com/bearerguard/bearerguard/claims/tenants"
)

// maxNegativeTTL is the default of package tenants, which a shorter TENANT_TTL lowers.
const maxNegativeTTL = 10 * time.Second

// A table has the tenants in memory. A service has them in its database.
type table struct {
	resolver *tenants.Resolver

	mu   sync.RWMutex             // guards what follows
	rows map[string]claims.Issuer // by URL
}

// lookup finds the row of exactly this issuer. A real one would ask the database.
func (t *table) lookup(_ context.Context, iss string) (claims.Issuer, bool, error) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	issuer, found := t.rows[iss]
	return issuer, found, nil
}

// put adds or changes rows. Forget makes the change count for the next request to this process. In
// another process it counts after TENANT_TTL.
func (t *table) put(issuers []claims.Issuer) {
	for _, issuer := range issuers {
		t.mu.Lock()
		t.rows[issuer.URL] = issuer
		t.mu.Unlock()
		t.resolver.Forget(issuer.URL)
	}
}

// remove removes a row, and reports whether it was there.
func (t *table) remove(iss string) bool {
	t.mu.Lock()
	_, found := t.rows[iss]
	delete(t.rows, iss)
	t.mu.Unlock()
	t.resolver.Forget(iss) // after the row is gone: a look-up that began before does not count
	return found
}
