package metrics_test

import (
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/jwks"
	"github.com/bearerguard/bearerguard/jwks/jwkstest"
	"github.com/bearerguard/bearerguard/middleware"
	"github.com/bearerguard/bearerguard/middleware/metrics"
)

var silent = slog.New(slog.DiscardHandler)

const issuerURL = "https://tenant.eu.auth0.com/"

// statuses returns this many issuers with fresh key sets.
func statuses(count int) []jwks.Status {
	list := make([]jwks.Status, count)
	for n := range list {
		list[n] = jwks.Status{Issuer: fmt.Sprintf("https://issuer-%d.example.test/", n), State: jwks.StateFresh, Keys: 2}
	}
	return list
}

// known returns a Counts that knows this many issuers. The last one is issuerURL.
func known(issuers int) *metrics.Counts {
	counts := metrics.New()
	counts.Families(statusOf(append(statuses(issuers-1), jwks.Status{Issuer: issuerURL})...))
	return counts
}

func statusOf(issuers ...jwks.Status) middleware.Status { return middleware.Status{Issuers: issuers} }

// flat returns all series, by texts such as "jwks.age issuer=https://issuer.example.test/". A
// histogram has its count. Empty labels are left out. Two equal series are a panic.
func flat(families []metrics.Family) map[string]float64 {
	all := make(map[string]float64)
	for _, f := range families {
		for _, s := range f.Series {
			var text strings.Builder
			text.WriteString(strings.TrimPrefix(f.Name, "bearerguard."))
			for n, label := range f.Labels {
				if s.Values[n] != "" {
					text.WriteString(" " + label + "=" + s.Values[n])
				}
			}
			if _, found := all[text.String()]; found {
				panic("two series: " + text.String())
			}
			all[text.String()] = s.Value + float64(s.Count)
		}
	}
	return all
}

// counted returns the series that are not 0.
func counted(families []metrics.Family) map[string]float64 {
	all := flat(families)
	for text, value := range all {
		if value == 0 {
			delete(all, text)
		}
	}
	return all
}

// observed returns a Middleware that trusts the issuer, and what counts its decisions.
func observed(t testing.TB, issuer *jwkstest.Issuer, edits ...func(*middleware.Config)) (*middleware.Middleware, *metrics.Counts) {
	t.Helper()
	counts := metrics.New()
	config := middleware.Config{
		Issuer: issuer.URL(), Audiences: []string{jwkstest.Audience}, Client: issuer.Client(),
		Observe: counts.Observe, ObserveFetch: counts.ObserveFetch, Logger: slog.New(slog.DiscardHandler),
	}
	for _, edit := range edits {
		edit(&config)
	}
	auth, err := middleware.New(config)
	require.NoError(t, err)
	counts.Var(auth)
	return auth, counts
}
