package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/bearerguard/bearerguard/middleware/benchmarks/internal/contender"
)

// limitRow is the bare signature check, which nobody can be faster than the first time.
const limitRow = "signature check alone"

// inTurn is how many tokens the requests of one client carry in turn.
const inTurn = 2

// A measurement takes the samples of one round.
type measurement func(ctx context.Context, number int) (round, error)

// measureRequests returns the rounds of one process. In each of them everything is measured
// for a moment.
func measureRequests(ctx context.Context, p plan) ([]round, error) {
	ctx, cancel := context.WithCancel(ctx) // ends the contenders' goroutines
	defer cancel()
	var measurements []measurement
	compete := func(c contest, err error) error {
		measurements = append(measurements, func(ctx context.Context, number int) (round, error) { return c.round(ctx, p, number) })
		return err
	}
	for _, algorithm := range contender.Algorithms() {
		issuer, err := contender.NewIssuer(algorithm)
		if err != nil {
			return nil, err
		}
		defer issuer.Close()
		if err := compete(goodTokens(ctx, issuer)); err != nil {
			return nil, err
		}
		if algorithm != contender.RS256 {
			continue
		}
		servers, err := servers(ctx, p, issuer)
		if err := errors.Join(err, compete(refusals(ctx, issuer)), compete(allCores(ctx, issuer))); err != nil {
			return nil, err
		}
		measurements = append(measurements, servers)
	}
	rounds := make([]round, p.Rounds)
	for number := range rounds {
		for _, measure := range measurements {
			samples, err := measure(ctx, number)
			if err != nil {
				return nil, err
			}
			rounds[number] = append(rounds[number], samples...)
		}
	}
	return rounds, nil
}

// A protected is a contender's handler.
type protected struct {
	name    string
	handler http.Handler
}

func protectBy(ctx context.Context, contenders []contender.Contender, issuer *contender.Issuer) ([]protected, error) {
	var all []protected
	for _, c := range contenders {
		handler, err := c.Protect(ctx, issuer, contender.Timesheets)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", c.Name, err)
		}
		all = append(all, protected{c.Name, handler})
	}
	return all, nil
}

func onGoodTokens() []contender.Contender {
	return append(contender.OnGoodTokens(), contender.Unprotected())
}

// goodTokens makes requests with good tokens.
func goodTokens(ctx context.Context, issuer *contender.Issuer) (contest, error) {
	handlers, err := protectBy(ctx, onGoodTokens(), issuer)
	tokens := issuer.Tokens(inTurn)
	rows := contest{limit(requestTable, issuer, tokens[0])}
	for _, p := range handlers {
		s := sample{Table: requestTable, Row: p.name, Column: string(issuer.Algorithm)}
		rows = append(rows, &row{sample: s, do: requests(turns(ctx, p.handler, tokens), http.StatusOK)})
	}
	return rows, err
}

// refusals makes requests that are refused, to servers that have accepted others.
func refusals(ctx context.Context, issuer *contender.Issuer) (contest, error) {
	handlers, err := protectBy(ctx, contender.OnBadTokens(), issuer)
	good := issuer.Tokens(1)
	rows := contest{limit(refusalLimitTable, issuer, good[0])}
	for _, p := range handlers {
		if err := requests(turns(ctx, p.handler, good), http.StatusOK)(1); err != nil {
			return nil, fmt.Errorf("%s: %w", p.name, err)
		}
		for _, token := range issuer.Refusals() {
			next := turns(ctx, p.handler, []string{token.Text})
			s := sample{Table: refusalTable, Row: p.name, Column: token.Rule}
			rows = append(rows, &row{sample: s, do: requests(next, http.StatusUnauthorized, http.StatusBadRequest)})
		}
	}
	return rows, err
}

// allCores makes requests on all cores at once. Each core has tokens of its own.
func allCores(ctx context.Context, issuer *contender.Issuer) (contest, error) {
	handlers, err := protectBy(ctx, onGoodTokens(), issuer)
	cores := runtime.GOMAXPROCS(0)
	tokens := issuer.Tokens(inTurn * cores)
	bare := limit(parallelTable, issuer, tokens[0])
	bare.do = onAllCores(slices.Repeat([]func(int) error{bare.do}, cores))
	rows := contest{bare}
	for _, p := range handlers {
		var works []func(int) error
		for core := range cores {
			works = append(works, requests(turns(ctx, p.handler, tokens[core*inTurn:][:inTurn]), http.StatusOK))
		}
		s := sample{Table: parallelTable, Row: p.name, Column: string(issuer.Algorithm)}
		rows = append(rows, &row{sample: s, do: onAllCores(works)})
	}
	return rows, err
}

// onAllCores divides what is to be done among the works, which run at once.
func onAllCores(works []func(int) error) func(int) error {
	return func(times int) error {
		errs := make([]error, len(works))
		var left atomic.Int64
		left.Store(int64(times))
		var wait sync.WaitGroup
		for core, work := range works {
			wait.Go(func() {
				const portion = 16
				for n := left.Add(-portion) + portion; n > 0 && errs[core] == nil; n = left.Add(-portion) + portion {
					errs[core] = work(int(min(n, portion)))
				}
			})
		}
		wait.Wait()
		return errors.Join(errs...)
	}
}

var errSignature = errors.New("the signature was refused")

func limit(t table, issuer *contender.Issuer, token string) *row {
	check := issuer.SignatureCheck(token)
	return &row{
		sample: sample{Table: t, Row: limitRow, Column: string(issuer.Algorithm)},
		do: func(times int) error {
			ok := true
			for range times {
				ok = check() && ok
			}
			if !ok {
				return errSignature
			}
			return nil
		},
	}
}

// requests makes requests, all of whose answers have to have one of the statuses.
func requests(next func() (status int), want ...int) func(times int) error {
	return func(times int) error {
		bad := 0
		for range times {
			if status := next(); !slices.Contains(want, status) {
				bad = status
			}
		}
		return unexpected(bad)
	}
}

func unexpected(status int) error {
	if status == 0 {
		return nil
	}
	return fmt.Errorf("answered %d", status)
}

// turns returns a function that makes a request with the next one of the tokens, and
// allocates nothing by itself.
func turns(ctx context.Context, handler http.Handler, tokens []string) func() (status int) {
	client, n := contender.NewClient(ctx, handler), 0
	fields := bearerFields(tokens)
	return func() int {
		if n++; n == len(fields) {
			n = 0
		}
		client.Authorize(fields[n])
		return client.Do()
	}
}

func bearerFields(tokens []string) []string {
	fields := make([]string, len(tokens))
	for n, token := range tokens {
		fields[n] = "Bearer " + token
	}
	return fields
}
