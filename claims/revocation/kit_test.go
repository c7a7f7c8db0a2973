package revocation_test

import (
	"bytes"
	"io"
	"log/slog"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/claims"
	"github.com/bearerguard/bearerguard/claims/revocation"
)

const (
	issuerURL = "https://issuer.example/"
	otherURL  = "https://other.example/"

	// lifetime is the MaxLifetime of both issuers.
	lifetime = time.Hour
)

var silent = slog.New(slog.DiscardHandler)

// newList returns a list that knows both issuers.
func newList(tb testing.TB, config revocation.Config) *revocation.List {
	tb.Helper()
	if config.Logger == nil {
		config.Logger = silent
	}
	list, err := revocation.New(config)
	require.NoError(tb, err)
	for _, url := range []string{issuerURL, otherURL} {
		list.Protect(claims.Issuer{URL: url, MaxLifetime: lifetime})
	}
	return list
}

// tokenWith returns claims of issuerURL that are not verified, with these members as JSON text.
func tokenWith(tb testing.TB, members string) *claims.Claims {
	tb.Helper()
	return tokenOf(tb, issuerURL, members)
}

func tokenOf(tb testing.TB, url, members string) *claims.Claims {
	tb.Helper()
	c, err := claims.ParseUnverified([]byte(`{"iss":"` + url + `",` + members + `}`))
	require.NoError(tb, err)
	return c
}

// issuedAt returns the member iat of a time.
func issuedAt(at time.Time) string { return `"iat":` + strconv.FormatInt(at.Unix(), 10) }

// A fakeServer is a server for one list. It does what the scripts do, whose own test is in the
// module sharedtest.
// behave makes the server answer in another way, or as always again for nil.
// put sets a member as another program may.
// lose makes the server forget all.
// A logBuffer is a log that can be read while it is written.
type logBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

var _ io.Writer = (*logBuffer)(nil)

func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *logBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

func (b *logBuffer) logger() *slog.Logger { return slog.New(slog.NewTextHandler(b, nil)) }
