package revocation_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/claims/revocation"
)

func TestStatusCountsRefusalsByKind(t *testing.T) {
	list := newList(t, revocation.Config{MaxEntries: 2})
	require.NoError(t, list.Add(t.Context(), session("a"), revocation.Entry{Kind: revocation.Subject, Issuer: issuerURL, ID: "alice"}))
	require.Error(t, list.Add(t.Context(), session("b"), session("c")))
	for range 3 {
		assert.Error(t, list.Check(t.Context(), tokenWith(t, `"sid":"a"`)))
	}
	assert.Error(t, list.Check(t.Context(), tokenWith(t, `"sub":"alice",`+issuedAt(time.Now().Add(-time.Minute)))))
	s := list.Status()
	assert.Equal(t, map[revocation.Kind]uint64{
		revocation.Token: 0, revocation.Session: 3, revocation.Subject: 1, revocation.Client: 0, revocation.Issuer: 0,
	}, s.RefusedBy)
	assert.EqualValues(t, 4, s.Refused)
	assert.EqualValues(t, 2, s.OverLimit)
	assert.Zero(t, s.MaxAge, "it is of a shared list")
}

// Only these counts tell whether an old list has refused or accepted.
func TestStatusCountsChecksByAnOldList(t *testing.T) {
	for _, continues := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			server := newFakeServer()
			list := newList(t, revocation.Config{Do: server.do, ContinueWhenStale: continues, MaxAge: 10 * time.Second})
			assert.False(t, revoked(t, list, "good"))
			server.behave(isDown)
			time.Sleep(9 * time.Second)
			assert.False(t, revoked(t, list, "good"))
			s := list.Status()
			assert.Zero(t, s.StaleRefused+s.StaleAccepted)
			time.Sleep(2 * time.Second)
			for range 3 {
				requireCheck(t, list, continues)
			}
			s = list.Status()
			assert.Equal(t, 10*time.Second, s.MaxAge)
			want := map[bool][2]uint64{false: {3, 0}, true: {0, 3}}[continues]
			assert.Equal(t, want, [2]uint64{s.StaleRefused, s.StaleAccepted})
		})
	}
}

func requireCheck(t *testing.T, list *revocation.List, accepts bool) {
	t.Helper()
	err := list.Check(t.Context(), tokenWith(t, `"sid":"good"`))
	require.Equal(t, accepts, err == nil, err)
}
