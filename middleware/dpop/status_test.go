package dpop_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/bearerguard/bearerguard/middleware/dpop"
)

func TestStatusCountsNonces(t *testing.T) {
	at := &clock{startOfAMinute}
	c := newNonces(t, at, dpop.Nonces{Secrets: [][]byte{randomSecret()}})
	now := at.now.Unix()
	assert.NoError(t, confirm(c, request(proof(members{"iat": now}))), "it needs no nonce")
	assert.Error(t, confirm(c, request(proof(members{"iat": 1}))))
	nonce := nonceOf(t, c)
	assert.NoError(t, confirm(c, request(proof(members{"iat": 1, "nonce": nonce}))))
	for range 3 {
		assert.Error(t, confirm(c, request(proof(members{"iat": now, "nonce": "made up"}))))
	}
	s := c.Status()
	assert.True(t, s.IssuesNonces)
	assert.Equal(t, [3]uint64{1, 3, 2}, [3]uint64{s.NoncesLive, s.NoncesDead, s.NoncesMissing})

	always := newNonces(t, at, dpop.Nonces{Secrets: [][]byte{randomSecret()}, Always: true})
	assert.Error(t, confirm(always, request(proof(members{"iat": now}))))
	assert.EqualValues(t, 1, always.Status().NoncesMissing)
}

func TestStatusHasThatOfTheReplayStore(t *testing.T) {
	c := newChecker(t, dpop.Config{})
	used := request(proof(nil))
	assert.NoError(t, confirm(c, used))
	assert.ErrorIs(t, confirm(c, used), dpop.ErrReplay)
	assert.Equal(t, dpop.Status{Replays: dpop.ReplayStatus{Entries: 1, MaxEntries: 1_000_000, Replays: 1}}, c.Status())

	assert.Zero(t, newChecker(t, dpop.Config{Replays: silentStore{}}).Status(), "a store without a status")
}

// A silentStore knows no proof.
type silentStore struct{}

func (silentStore) Use(context.Context, [32]byte, [32]byte, time.Time) (bool, error) {
	return true, nil
}
