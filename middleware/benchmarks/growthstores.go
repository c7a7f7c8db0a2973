package main

import (
	"context"
	"crypto/sha256"
	"net/http"
	"runtime"
	"slices"
	"sync/atomic"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
	"github.com/maypok86/otter/v2"

	"github.com/bearerguard/bearerguard/claims"
	"github.com/bearerguard/bearerguard/middleware"
)

// stores measures the verified-token cache beside general caches in its place, on all cores:
// what it would cost to use a library instead of lines of our own.
func (g *grower) stores(ctx context.Context) error {
	for _, column := range []struct {
		name   string
		tokens int
		order  func(int) []uint32
	}{
		{"one token", 1, uniform},
		{"some tokens", g.plan.StoredTokens / 10 * 8 / 10, uniform},
		{"too many, Zipf", g.plan.StoredTokens, zipf},
	} {
		pool := newPool(column.tokens, tokenMaker{issuer: issuerURL, signer: newSigner(0)}.token)
		var rows []*row
		for _, store := range []struct {
			name string
			make func(entries int) (store, error)
		}{
			{"bearerguard", nil},
			{"maypok86/otter v2", newOtter},
			{"hashicorp/golang-lru v2", newLRU},
		} {
			s := sample{Table: storeTable, Row: store.name, Column: column.name}
			r, err := storeRow(ctx, s, g.plan.StoredTokens/10, store.make, pool, column.order(column.tokens))
			if err != nil {
				return err
			}
			rows = append(rows, r)
		}
		if err := g.measure(ctx, rows...); err != nil {
			return err
		}
	}
	return nil
}

func storeRow(
	ctx context.Context, s sample, entries int, newStore func(int) (store, error), pool *pool, order []uint32,
) (*row, error) {
	verified := new(atomic.Int64)
	policy, err := countedIssuer(ctx, newSigner(0), verified)
	if err != nil {
		return nil, err
	}
	config := claims.Config{Issuers: []claims.Issuer{policy}, CacheEntries: entries}
	var verifier middleware.Verifier
	if newStore == nil {
		verifier, err = claims.NewVerifier(config)
	} else {
		verifier, err = newStoring(config, newStore)
	}
	if err != nil {
		return nil, err
	}
	handler, err := protectWith(verifier, readScope)
	if err != nil {
		return nil, err
	}
	var works []func(int) error
	var walks []*walk
	for core := range runtime.GOMAXPROCS(0) {
		w := newWalk(ctx, handler, pool, slices.Concat(order[core*len(order)/8:], order[:core*len(order)/8]))
		w.verified = verified
		walks = append(walks, w)
		works = append(works, requests(w.next, http.StatusOK))
	}
	if err := walks[0].visit(ctx); err != nil {
		return nil, err
	}
	if entries < pool.count {
		verified.Store(0)
		if err := walks[0].warm(ctx, 6*entries); err != nil {
			return nil, err
		}
	}
	r := &row{sample: s, do: onAllCores(works), after: func(s *sample) {
		var made int64
		for _, w := range walks {
			made += w.requests
			w.requests = 0
		}
		s.Cached = 1 - float64(verified.Swap(0))/float64(made)
	}}
	r.after(&sample{}) // forget the warm-up
	return r, nil
}

// A store is a general cache under a key that can be compared.
type store struct {
	get func([sha256.Size]byte) (stored, bool)
	set func([sha256.Size]byte, stored)
}

type stored struct {
	claims *claims.Claims
	key    claims.Key
}

func newOtter(entries int) (store, error) {
	cache, err := otter.New(&otter.Options[[sha256.Size]byte, stored]{MaximumSize: entries})
	return store{cache.GetIfPresent, func(d [sha256.Size]byte, s stored) { cache.Set(d, s) }}, err
}

func newLRU(entries int) (store, error) {
	cache, err := lru.New[[sha256.Size]byte, stored](entries)
	return store{cache.Get, func(d [sha256.Size]byte, s stored) { cache.Add(d, s) }}, err
}

// A storing verifies with a store around the library's verifier. On a hit it asks again what
// has to be asked again, for tokens of one issuer without hooks and confirmation.
type storing struct {
	*claims.Verifier
	keys  claims.KeySet
	store store
}

func newStoring(config claims.Config, newStore func(int) (store, error)) (*storing, error) {
	s, err := newStore(config.CacheEntries)
	if err != nil {
		return nil, err
	}
	config.CacheEntries = noEntries
	verifier, err := claims.NewVerifier(config)
	return &storing{verifier, config.Issuers[0].Keys, s}, err
}

// Verify implements middleware.Verifier.
func (s *storing) Verify(ctx context.Context, token string, proofs ...claims.Proof) (*claims.Claims, error) {
	digest := sha256.Sum256([]byte(token))
	keys, err := s.keys.Keys(ctx, "EdDSA", "0")
	if err != nil {
		return nil, err
	}
	if known, ok := s.store.get(digest); ok && time.Now().Before(known.claims.ExpiresAt()) && slices.Contains(keys, known.key) {
		return known.claims, nil
	}
	c, err := s.Verifier.Verify(ctx, token, proofs...)
	if err == nil {
		s.store.set(digest, stored{c, keys[0]})
	}
	return c, err
}
