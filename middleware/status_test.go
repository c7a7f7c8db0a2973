package middleware_test

import (
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/middleware/dpop"
	"github.com/bearerguard/bearerguard/middleware/mtls"
)

func TestStatusCountsReplacements(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newTenancy(t, 2)
		status := s.auth.Status()
		assert.Zero(t, status.Replaced+status.ReplaceRefused)
		assert.True(t, status.ReplacedAt.IsZero())
		time.Sleep(time.Minute)
		require.NoError(t, s.auth.Replace(s.of(1)))
		at := time.Now()
		time.Sleep(time.Minute)
		mistaken := s.of(0)
		mistaken[0].Audiences = nil
		refusal := s.auth.Replace(mistaken)
		require.Error(t, refusal)

		status = s.auth.Status()
		assert.EqualValues(t, 1, status.Replaced)
		assert.EqualValues(t, 1, status.ReplaceRefused)
		assert.Equal(t, at, status.ReplacedAt)
		assert.Equal(t, refusal, status.ReplaceError)
		require.NoError(t, s.auth.Replace(s.of(0)))
		assert.NoError(t, s.auth.Status().ReplaceError)
		assert.EqualValues(t, 2, s.auth.Status().Replaced)
	})
}

func TestStatusOfProofs(t *testing.T) {
	b := newDPoPBench(t, dpop.Config{})
	h := b.auth.Handler(whoami)
	proof := b.proof(nil)
	for _, want := range []int{http.StatusOK, http.StatusUnauthorized} {
		w, _ := b.send(h, b.request("DPoP "+b.token, proof))
		require.Equal(t, want, w.Code)
	}
	require.NotNil(t, b.auth.Status().DPoP)
	assert.EqualValues(t, 1, b.auth.Status().DPoP.Replays.Replays)
	assert.Nil(t, b.auth.Status().MTLS)

	m := newMTLSBench(t, mtls.Config{})
	assert.Equal(t, &mtls.Status{}, m.auth.Status().MTLS)
	assert.Nil(t, m.auth.Status().DPoP)
}
