package main

import (
	"context"
	"fmt"
	"net/http/httptest"
	"time"

	"github.com/bearerguard/bearerguard/middleware/benchmarks/internal/contender"
	"github.com/bearerguard/bearerguard/middleware/benchmarks/internal/load"
)

const connections = 32

// servers measures whole servers on loopback, one after the other, with RS256. The
// generator runs in this process and on the same cores.
func (b *bench) servers(ctx context.Context) error {
	for _, c := range append(contender.OnGoodTokens(), contender.Unprotected()) {
		perSecond, err := b.server(ctx, c)
		if err != nil {
			return fmt.Errorf("server with %s: %w", c.Name, err)
		}
		b.samples = append(b.samples, sample{Table: serverTable, Row: c.Name, Value: perSecond})
	}
	return nil
}

func (b *bench) server(ctx context.Context, c contender.Contender) (perSecond float64, err error) {
	issuer := b.issuers[contender.RS256]
	handler, err := c.Protect(ctx, issuer, contender.Timesheets)
	if err != nil {
		return 0, err
	}
	server := httptest.NewServer(handler)
	defer server.Close()
	l := load.Load{
		Address: server.Listener.Addr().String(), Authorization: "Bearer " + issuer.Token(),
		Connections: connections, Duration: min(b.plan.LoadTime/10, 200*time.Millisecond),
	}
	if _, err := l.Run(ctx); err != nil { // keys are fetched, the heap grows to its size
		return 0, err
	}
	l.Duration = b.plan.LoadTime
	return l.Run(ctx)
}
