package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync/atomic"
	"testing"

	"github.com/bearerguard/bearerguard/middleware/benchmarks/internal/contender"
)

// limitRow is the bare signature check, which nobody can be faster than the first time.
const limitRow = "signature check alone"

// A bench measures contenders against the issuers of all algorithms.
type bench struct {
	plan    plan
	issuers map[contender.Algorithm]*contender.Issuer
	samples pass
}

func measureRequests(ctx context.Context, p plan) (pass, error) {
	ctx, cancel := context.WithCancel(ctx) // ends the contenders' goroutines
	defer cancel()
	b := &bench{plan: p, issuers: make(map[contender.Algorithm]*contender.Issuer)}
	for _, algorithm := range contender.Algorithms() {
		issuer, err := contender.NewIssuer(algorithm)
		if err != nil {
			return nil, err
		}
		defer issuer.Close()
		b.issuers[algorithm] = issuer
	}
	for _, step := range []func(context.Context) error{b.algorithms, b.refusals, b.parallel, b.servers} {
		if err := step(ctx); err != nil {
			return nil, err
		}
	}
	return b.samples, nil
}

func (b *bench) keep(s sample, err error) error {
	b.samples = append(b.samples, s)
	return err
}

// algorithms measures a request with a good token, for each algorithm.
func (b *bench) algorithms(ctx context.Context) error {
	for _, algorithm := range contender.Algorithms() {
		issuer := b.issuers[algorithm]
		if err := b.keep(limit(issuer)); err != nil {
			return err
		}
		for _, c := range append(contender.OnGoodTokens(), contender.Unprotected()) {
			handler, err := c.Protect(ctx, issuer, contender.Timesheets)
			if err != nil {
				return fmt.Errorf("%s: %w", c.Name, err)
			}
			s := sample{Table: requestTable, Row: c.Name, Column: string(algorithm)}
			if err := b.keep(requests(ctx, s, handler, issuer.Token(), http.StatusOK)); err != nil {
				return err
			}
		}
	}
	return nil
}

var (
	errSignature = errors.New("the signature was refused")
	errCancelled = errors.New("interrupted")
)

func limit(issuer *contender.Issuer) (sample, error) {
	check, ok := issuer.SignatureCheck(issuer.Token()), true
	return timed(sample{Table: requestTable, Row: limitRow, Column: string(issuer.Algorithm)}, func(b *testing.B) {
		for b.Loop() {
			ok = check() && ok
		}
	}, func() error {
		if !ok {
			return errSignature
		}
		return nil
	})
}

// requests measures one request after another with a token, keys and pools warm. All
// answers have to have one of the statuses.
func requests(ctx context.Context, s sample, handler http.Handler, token string, want ...int) (sample, error) {
	if ctx.Err() != nil {
		return s, errCancelled
	}
	client := contender.NewClient(ctx, handler)
	client.Bearer(token)
	bad := 0
	for range 10 {
		if status := client.Do(); !slices.Contains(want, status) {
			bad = status
		}
	}
	return timed(s, func(b *testing.B) {
		for b.Loop() {
			if status := client.Do(); !slices.Contains(want, status) {
				bad = status
			}
		}
	}, func() error { return unexpected(bad) })
}

func unexpected(status int) error {
	if status == 0 {
		return nil
	}
	return fmt.Errorf("answered %d", status)
}

// refusals measures requests that are refused, with RS256.
func (b *bench) refusals(ctx context.Context) error {
	issuer := b.issuers[contender.RS256]
	for _, c := range contender.OnBadTokens() {
		handler, err := c.Protect(ctx, issuer, contender.Timesheets)
		if err != nil {
			return fmt.Errorf("%s: %w", c.Name, err)
		}
		// Servers that refuse tokens have accepted others before.
		if _, err := requests(ctx, sample{}, handler, issuer.Token(), http.StatusOK); err != nil {
			return fmt.Errorf("%s: %w", c.Name, err)
		}
		for _, token := range issuer.Refusals() {
			s := sample{Table: refusalTable, Row: c.Name, Column: token.Rule}
			err := b.keep(requests(ctx, s, handler, token.Text, http.StatusUnauthorized, http.StatusBadRequest))
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// parallel measures requests on all cores at once, with RS256.
func (b *bench) parallel(ctx context.Context) error {
	issuer := b.issuers[contender.RS256]
	if err := b.keep(parallelLimit(issuer)); err != nil {
		return err
	}
	for _, c := range append(contender.OnGoodTokens(), contender.Unprotected()) {
		handler, err := c.Protect(ctx, issuer, contender.Timesheets)
		if err != nil {
			return fmt.Errorf("%s: %w", c.Name, err)
		}
		if err := b.keep(parallelRequests(ctx, c.Name, handler, issuer.Token())); err != nil {
			return err
		}
	}
	return nil
}

func parallelLimit(issuer *contender.Issuer) (sample, error) {
	check := issuer.SignatureCheck(issuer.Token())
	var refused atomic.Bool
	return timed(sample{Table: parallelTable, Row: limitRow, Column: string(contender.RS256)}, func(b *testing.B) {
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				if !check() {
					refused.Store(true)
				}
			}
		})
	}, func() error {
		if refused.Load() {
			return errSignature
		}
		return nil
	})
}

func parallelRequests(ctx context.Context, row string, handler http.Handler, token string) (sample, error) {
	var bad atomic.Int64
	return timed(sample{Table: parallelTable, Row: row, Column: string(contender.RS256)}, func(b *testing.B) {
		b.RunParallel(func(pb *testing.PB) {
			client := contender.NewClient(ctx, handler)
			client.Bearer(token)
			for pb.Next() {
				if status := client.Do(); status != http.StatusOK {
					bad.Store(int64(status))
				}
			}
		})
	}, func() error { return unexpected(int(bad.Load())) })
}
