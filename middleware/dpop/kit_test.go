package dpop_test

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"net/http"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/jwks/jwkstest"
	"github.com/bearerguard/bearerguard/middleware/dpop"
)

const (
	apiOrigin = "https://api.example.com"
	apiTarget = "/orders"
	apiURL    = apiOrigin + apiTarget
	token     = "header.payload.signature" // Confirm compares its hash only
)

var clientKey = jwkstest.NewKey("ES256")

type members = map[string]any

// proof returns a good proof for a GET of apiURL, changed by these claims and options.
func proof(claims members, options ...jwkstest.Option) string {
	return jwkstest.Proof(clientKey, http.MethodGet, apiURL, token, claims, options...)
}

func newChecker(t testing.TB, config dpop.Config) *dpop.Checker {
	t.Helper()
	if config.Origins == nil {
		config.Origins = []string{apiOrigin}
	}
	c, err := dpop.New(config)
	require.NoError(t, err)
	return c
}

// request returns a GET of apiURL with these DPoP fields.
func request(fields ...string) dpop.Request {
	return dpop.Request{Method: http.MethodGet, Target: apiTarget, Fields: fields}
}

// jktOf returns the member of the cnf of a token that is bound to the key.
func jktOf(key jwkstest.Key) []byte { return []byte(strconv.Quote(key.Thumbprint())) }

func confirm(c *dpop.Checker, r dpop.Request) error {
	return c.Proof(r).Confirm(context.Background(), token, jktOf(clientKey))
}

// refusalOf returns the Error for a proof that is not accepted.
func refusalOf(t testing.TB, err error) *dpop.Error {
	t.Helper()
	require.Error(t, err)
	e, ok := errors.AsType[*dpop.Error](err)
	require.True(t, ok, "%T", err)
	return e
}

// clock returns a Now that a test can move.
type clock struct{ now time.Time }

func (c *clock) Now() time.Time { return c.now }

func athOf(token string) string {
	hash := sha256.Sum256([]byte(token))
	return base64.RawURLEncoding.EncodeToString(hash[:])
}

func hexOf(b byte) string { return hex.EncodeToString([]byte{b}) }
