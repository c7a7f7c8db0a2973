package main

import (
	"context"
	"fmt"
	"net/http/httptest"
	"runtime"

	"github.com/bearerguard/bearerguard/middleware/benchmarks/internal/contender"
	"github.com/bearerguard/bearerguard/middleware/benchmarks/internal/load"
)

const connections = 32

// servers measures whole servers on loopback, one after the other, another one first each
// time. The generator runs in this process and on the same cores. Each connection has
// tokens of its own.
func servers(ctx context.Context, p plan, issuer *contender.Issuer) (measurement, error) {
	handlers, err := protectBy(ctx, onGoodTokens(), issuer)
	fields := bearerFields(issuer.Tokens(inTurn * connections))
	return func(ctx context.Context, number int) (round, error) {
		samples := make(round, len(handlers))
		for i := range handlers {
			n := (i + number) % len(handlers)
			perSecond, err := throughput(ctx, p, handlers[n], fields)
			if err != nil {
				return nil, fmt.Errorf("server with %s: %w", handlers[n].name, err)
			}
			samples[n] = sample{Table: serverTable, Row: handlers[n].name, Value: perSecond}
		}
		return samples, nil
	}, err
}

// throughput returns how many requests a server answers in a second.
func throughput(ctx context.Context, p plan, behind protected, fields []string) (float64, error) {
	server := httptest.NewServer(behind.handler)
	defer server.Close()
	runtime.GC() // what others have left is not this one's to collect
	l := load.Load{
		Address: server.Listener.Addr().String(), Connections: connections, Duration: p.Load / 10,
		Authorization: func(connection int) []string { return fields[connection*inTurn:][:inTurn] },
	}
	if _, err := l.Run(ctx); err != nil { // keys are fetched, the heap grows to its size
		return 0, err
	}
	l.Duration = p.Load
	return l.Run(ctx)
}
