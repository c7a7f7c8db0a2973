package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/bearerguard/bearerguard/claims"
)

// scopes measures tokens with more and more scopes; the route needs the last of them.
func (g *grower) scopes(ctx context.Context) error {
	signer := newSigner(0)
	policy, err := issuerOf(issuerURL, signer)
	if err != nil {
		return err
	}
	for _, count := range g.plan.Scopes {
		names := make([]string, count)
		for i := range names {
			names[i] = fmt.Sprintf("read:resource-%03d", i)
		}
		maker := tokenMaker{issuer: issuerURL, signer: signer, scope: strings.Join(names, " ")}
		s := sample{Table: scopeTable, Row: thousands(count)}
		if err := g.both(ctx, s, newPool(1, maker.token), []claims.Issuer{policy}, names[count-1]); err != nil {
			return err
		}
	}
	return nil
}

// keys measures an issuer with more and more keys, and one token of each.
func (g *grower) keys(ctx context.Context) error {
	for _, count := range g.plan.Keys {
		signers := newSigners(count)
		policy, err := issuerOf(issuerURL, signers...)
		if err != nil {
			return err
		}
		pool := newPool(count, func(i int) string {
			return tokenMaker{issuer: issuerURL, signer: signers[i], kid: i}.token(i)
		})
		s := sample{Table: keyTable, Row: thousands(count)}
		if err := g.both(ctx, s, pool, []claims.Issuer{policy}, readScope); err != nil {
			return err
		}
	}
	return nil
}

// issuers measures more and more issuers, each with a key of its own and one token.
func (g *grower) issuers(ctx context.Context) error {
	for _, count := range g.plan.Issuers {
		signers := newSigners(count)
		policies := make([]claims.Issuer, count)
		for i := range policies {
			var err error
			if policies[i], err = issuerOf(tenant(i), signers[i]); err != nil {
				return err
			}
		}
		pool := newPool(count, func(i int) string {
			return tokenMaker{issuer: tenant(i), signer: signers[i]}.token(i)
		})
		s := sample{Table: issuerTable, Row: thousands(count)}
		if err := g.both(ctx, s, pool, policies, readScope); err != nil {
			return err
		}
	}
	return nil
}

// both measures a pool with the cache off and with one that holds all of its tokens.
func (g *grower) both(ctx context.Context, s sample, pool *pool, issuers []claims.Issuer, scope string) error {
	var rows []*row
	for _, entries := range []int{noEntries, room(pool.count)} {
		handler, err := protect(claims.Config{Issuers: issuers, CacheEntries: entries}, scope)
		if err != nil {
			return err
		}
		w := newWalk(ctx, handler, pool, uniform(pool.count))
		if err := w.visit(ctx); err != nil {
			return err
		}
		if s.Column = cachedColumn; entries == noEntries {
			s.Column = noCacheColumn
		}
		rows = append(rows, w.row(s))
	}
	return g.measure(ctx, rows...)
}
