package revocation_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/claims/revocation"
	"github.com/bearerguard/bearerguard/jwks/jwkstest"
)

// FuzzLogoutRequest sends any body. The answer is one of three, and an accepted token has an
// entry.
func FuzzLogoutRequest(f *testing.F) {
	k := newLogoutKit(f, revocation.Config{})
	for _, body := range []string{"", "logout_token=", "logout_token=a.b.c", "logout_token=" + k.logoutToken(nil), "%", "a=b;c", "logout_token=a&logout_token=b"} {
		f.Add("application/x-www-form-urlencoded", body)
	}
	f.Fuzz(func(t *testing.T, contentType, body string) {
		w := k.send(http.MethodPost, contentType, body)
		require.Contains(t, []string{"", invalidLogout}, w.Body.String())
		require.Equal(t, w.Body.Len() == 0, w.Code == http.StatusOK)
	})
}

// FuzzLogoutToken signs any header and payload. A token that is accepted adds one entry, and one
// that is refused adds none.
func FuzzLogoutToken(f *testing.F) {
	k := newLogoutKit(f, revocation.Config{})
	f.Add([]byte(`{"alg":"ES256","typ":"logout+jwt"}`), []byte(`{"events":{"http://schemas.openid.net/event/backchannel-logout":{}},"nonce":null,"sid":"s"}`))
	f.Add([]byte(`{"alg":"none"}`), []byte(`{}`))
	f.Add([]byte(`{"alg":"ES256","crit":[]}`), []byte(`{"aud":["`+client+`"],"iat":1e999}`))
	f.Fuzz(func(t *testing.T, header, payload []byte) {
		k := *k
		k.list = newList(t, revocation.Config{})
		var err error
		k.handler, err = k.list.LogoutHandler(k.logoutIssuer())
		require.NoError(t, err)
		w := k.post(jwkstest.RawToken(header, payload, k.issuer.SigningKey()))
		entries := k.list.Status().Entries
		require.Equal(t, w.Code == http.StatusOK, entries[revocation.Session]+entries[revocation.Subject] == 1)
		if w.Code == http.StatusOK {
			require.NotContains(t, string(payload), `"nonce"`)
			require.Contains(t, string(payload), "iss")
		}
	})
}

// FuzzMember puts any member into the server. A list reads it as it was written or not at all,
// and the member beside it in any case.
func FuzzMember(f *testing.F) {
	for _, member := range [][2]string{
		{"s23:" + issuerURL + "x", "b 0 4294967295"}, {"i23:" + issuerURL, "b 1 2"}, {"u1:xy", "r 0 1"}, {"", ""}, {"t0:", "b"}, {"c5:a", "b 0 0"},
	} {
		f.Add(member[0], member[1])
	}
	f.Fuzz(func(t *testing.T, id, state string) {
		server := newFakeServer()
		server.put(id, state)
		server.put("s23:"+issuerURL+"beside", "b 0 4294967295")
		list := newList(t, revocation.Config{Do: func(ctx context.Context, args ...string) ([]string, error) {
			if strings.Contains(args[1], "HDEL") {
				return []string{"OK"}, nil
			}
			return server.do(ctx, args...)
		}, Timeout: 5 * time.Second})
		require.True(t, revoked(t, list, "beside"))
		status := list.Status()
		require.False(t, status.Stale)
		total := 0
		for _, n := range status.Entries {
			total += n
		}
		require.LessOrEqual(t, total+int(status.Malformed), 2)
	})
}
