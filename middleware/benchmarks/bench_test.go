package main

import (
	"net/http"
	"net/http/httptest"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
	vegeta "github.com/tsenart/vegeta/v12/lib"

	"github.com/bearerguard/bearerguard/middleware/benchmarks/internal/contender"
)

// inTurn is the number of tokens that each client sends in turn.
const inTurn = 2

// BenchmarkRequest measures requests with a good token, and the bare signature check.
func BenchmarkRequest(b *testing.B) {
	for _, algorithm := range contender.Algorithms() {
		issuer := sync.OnceValue(func() *contender.Issuer { return newIssuer(b, algorithm) })
		suffix := "/alg=" + string(algorithm)
		b.Run("peer="+limitRow+suffix, func(b *testing.B) {
			check := issuer().SignatureCheck(issuer().Token())
			b.ReportAllocs()
			for b.Loop() {
				if !check() {
					b.Fatal("the signature check failed")
				}
			}
		})
		for _, c := range protected() {
			b.Run("peer="+c.Name+suffix, func(b *testing.B) {
				client := contender.NewClient(b.Context(), handler(b, c, issuer()))
				loop(b, client, issuer().Tokens(inTurn), http.StatusOK)
			})
		}
	}
}

// BenchmarkRefusal measures requests that are refused. Each handler has accepted another
// token before.
func BenchmarkRefusal(b *testing.B) {
	issuer := newIssuer(b, contender.RS256)
	for _, token := range issuer.Refusals() {
		for _, c := range contender.OnBadTokens() {
			b.Run("peer="+c.Name+"/token="+token.Rule, func(b *testing.B) {
				client := contender.NewClient(b.Context(), handler(b, c, issuer))
				client.Bearer(issuer.Token())
				require.Equal(b, http.StatusOK, client.Do())
				loop(b, client, []string{token.Text}, http.StatusUnauthorized, http.StatusBadRequest)
			})
		}
	}
}

// BenchmarkAllCores measures requests on all cores at once. Each core has its own tokens.
func BenchmarkAllCores(b *testing.B) {
	issuer := newIssuer(b, contender.RS256)
	tokens := issuer.Tokens(inTurn * runtime.GOMAXPROCS(0))
	check := issuer.SignatureCheck(tokens[0])
	b.Run("peer="+limitRow, func(b *testing.B) {
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				check()
			}
		})
	})
	for _, c := range protected() {
		handler := handler(b, c, issuer)
		b.Run("peer="+c.Name, func(b *testing.B) {
			var cores atomic.Int64
			b.RunParallel(func(pb *testing.PB) {
				core := int(cores.Add(1)) - 1
				client := contender.NewClient(b.Context(), handler)
				fields := bearer(tokens[core*inTurn:][:inTurn])
				for n := 0; pb.Next(); n++ {
					client.Authorize(fields[n%inTurn])
					if status := client.Do(); status != http.StatusOK {
						b.Errorf("status %d", status)
					}
				}
			})
		})
	}
}

// BenchmarkServer measures requests to a server on loopback. The load generator runs in
// the same process, so it shares the cores with the server.
func BenchmarkServer(b *testing.B) {
	const connections = 32
	issuer := newIssuer(b, contender.RS256)
	fields := bearer(issuer.Tokens(inTurn * connections))
	for _, c := range protected() {
		handler := handler(b, c, issuer)
		b.Run("peer="+c.Name, func(b *testing.B) {
			server := httptest.NewServer(handler)
			defer server.Close()
			attacker := vegeta.NewAttacker(
				vegeta.Workers(connections), vegeta.MaxWorkers(connections), vegeta.Connections(connections))
			ok := 0
			b.ResetTimer()
			for result := range attacker.Attack(targets(server.URL, fields, b.N), vegeta.ConstantPacer{}, 0, b.Name()) {
				if result.Code == http.StatusOK {
					ok++
				}
			}
			require.Equal(b, b.N, ok, "requests that were answered 200")
		})
	}
}

// targets returns a source of this many requests. They carry the Authorization fields in
// turn.
func targets(url string, fields []string, count int) vegeta.Targeter {
	headers := make([]http.Header, len(fields))
	for n, field := range fields {
		headers[n] = http.Header{"Authorization": {field}}
	}
	var sent atomic.Int64
	return func(target *vegeta.Target) error {
		n := int(sent.Add(1)) - 1
		if n >= count {
			return vegeta.ErrNoTargets
		}
		target.Method, target.URL, target.Header = http.MethodGet, url, headers[n%len(headers)]
		return nil
	}
}

// loop measures requests with the tokens in turn. The answers must have one of the
// statuses.
func loop(b *testing.B, client *contender.Client, tokens []string, statuses ...int) {
	fields := bearer(tokens)
	request := func(n int) {
		client.Authorize(fields[n%len(fields)])
		if status := client.Do(); !slices.Contains(statuses, status) {
			b.Fatalf("status %d", status)
		}
	}
	for n := range 2 * len(fields) { // keys are fetched and tokens are cached
		request(n)
	}
	b.ReportAllocs()
	for n := 0; b.Loop(); n++ {
		request(n)
	}
}

func protected() []contender.Contender {
	return append(contender.OnGoodTokens(), contender.Unprotected())
}

func newIssuer(b *testing.B, algorithm contender.Algorithm) *contender.Issuer {
	b.Helper()
	issuer, err := contender.NewIssuer(algorithm)
	require.NoError(b, err)
	b.Cleanup(issuer.Close)
	return issuer
}

func handler(b *testing.B, c contender.Contender, issuer *contender.Issuer) http.Handler {
	b.Helper()
	handler, err := c.Protect(b.Context(), issuer, contender.Timesheets)
	require.NoError(b, err, c.Name)
	return handler
}

func bearer(tokens []string) []string {
	fields := make([]string, len(tokens))
	for n, token := range tokens {
		fields[n] = "Bearer " + token
	}
	return fields
}
