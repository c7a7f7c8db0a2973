package middleware_test

import (
	"context"
	"errors"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/claims"
	"github.com/bearerguard/bearerguard/middleware"
)

// The grammar of the RFCs, written independently of the code that reads it.
var (
	// RFC 9110 section 5.5: white space around a value is no part of it. Section 11.4: a
	// scheme ends with a space. A tab instead makes the value malformed.
	bearerAttempt = regexp.MustCompile(`^[ \t]*(?i:bearer)(?:[ \t](?s:.)*)?$`)
	// RFC 6750 section 2.1: "Bearer" 1*SP b64token.
	bearerCredentials = regexp.MustCompile(`^[ \t]*(?i:bearer) +([A-Za-z0-9._~+/-]+=*)[ \t]*$`)
	// Of a token that is too long, only the length is checked.
	bearerLong = regexp.MustCompile(`^[ \t]*(?i:bearer) +([^ ](?s:.)*?)[ \t]*$`)
)

const fuzzMaxTokenBytes = 64

// oracle returns the token in the fields, or the status that they must get. The status is 0
// without a bearer token.
func oracle(fields []string) (token string, status int) {
	switch {
	case len(fields) == 0:
		return "", 0
	case len(fields) > 1:
		return "", http.StatusBadRequest
	case !bearerAttempt.MatchString(fields[0]):
		return "", 0
	}
	if long := bearerLong.FindStringSubmatch(fields[0]); long != nil && len(long[1]) > fuzzMaxTokenBytes {
		return "", http.StatusUnauthorized
	}
	if credentials := bearerCredentials.FindStringSubmatch(fields[0]); credentials != nil {
		return credentials[1], http.StatusOK
	}
	return "", http.StatusBadRequest
}

func FuzzAuthorization(f *testing.F) {
	for _, seed := range []string{
		"", "Bearer", "Bearer ", "Bearer x", "bearer  x==", "BEARER\tx", "Bearer x=y", "Bearer x, Bearer y",
		"Bearer: x", "BearerX y", "Basic YTpi", " \tBearer x \t", "Bearer \t x", "Bearer \xff", "Bearer\u00a0x",
		"Bearer " + strings.Repeat("a", fuzzMaxTokenBytes), "Bearer  " + strings.Repeat("a", fuzzMaxTokenBytes+1),
		"Bearer\t" + strings.Repeat("a", fuzzMaxTokenBytes), "Bearer \t" + strings.Repeat("a", fuzzMaxTokenBytes),
		"Bearer " + strings.Repeat(",", fuzzMaxTokenBytes+1), "Bearer " + strings.Repeat("=", 3), "Bearer a\nb", "Bearer\n",
	} {
		f.Add(seed, false)
	}
	f.Add("Bearer x", true)

	c := claimsOf(f, `{}`)
	var got string
	fake := verifierFunc(func(_ context.Context, token string, _ ...claims.Proof) (*claims.Claims, error) {
		got = token
		return c, nil
	})
	own, err := claims.NewVerifier(claims.Config{Issuers: []claims.Issuer{{URL: issuerURL, Audiences: []string{api}, Keys: keySet{}}}})
	require.NoError(f, err)
	limited := func(c *middleware.Config) { c.MaxTokenBytes = fuzzMaxTokenBytes }
	guards := map[string]*middleware.Guard{"fake": newAuth(f, fake, limited).GuardAuthenticated(), "own": newAuth(f, own, limited).GuardAuthenticated()}

	f.Fuzz(func(t *testing.T, field string, twice bool) {
		fields := []string{field}
		if twice {
			fields = []string{field, field}
		}
		token, want := oracle(fields)
		for name, guard := range guards {
			got = ""
			_, err := guard.Authenticate(t.Context(), middleware.Request{Authorization: fields})
			var e *middleware.Error
			switch {
			case want == http.StatusOK && name == "fake":
				require.NoError(t, err)
				require.Equal(t, token, got)
			case want == http.StatusOK: // no token of 64 bytes is valid
				require.True(t, errors.As(err, &e))
				require.Equal(t, http.StatusUnauthorized, e.Status)
			case want == 0:
				require.Equal(t, &middleware.Error{Status: http.StatusUnauthorized}, err)
			default:
				require.True(t, errors.As(err, &e))
				require.Equal(t, want, e.Status)
				require.Empty(t, got, "the verifier was asked")
			}
		}
	})
}
