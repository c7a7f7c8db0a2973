package revocation_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/claims"
	"github.com/bearerguard/bearerguard/claims/revocation"
)

// A modelEntry is an entry of the reference: what is on the list, without any cleverness.
type modelEntry struct {
	notBefore int64 // the last iat that is refused
	expires   time.Time
}

var modelKinds = []revocation.Kind{revocation.Token, revocation.Session, revocation.Subject, revocation.Client, revocation.Issuer}

// A modelRun is one random history of a list, and of a plain map.
type modelRun struct {
	*rand.Rand
	list    *revocation.List
	model   map[string]modelEntry
	revoked int
}

// TestModel runs random histories against a plain map. It makes enough entries for the list to
// be rebuilt many times.
func TestModel(t *testing.T) {
	for seed := range uint64(8) {
		synctest.Test(t, func(t *testing.T) {
			defer logSeed(t, seed)
			m := &modelRun{Rand: rand.New(rand.NewPCG(seed, 1)), list: newList(t, revocation.Config{}), model: make(map[string]modelEntry)}
			for range 400 {
				time.Sleep(time.Duration(m.IntN(60)) * time.Second)
				m.change(t)
				for range 100 {
					m.check(t)
				}
			}
			require.Greater(t, m.revoked, 1000)
			require.Less(t, m.revoked, 39_000)
			total := 0
			for _, count := range m.list.Status().Entries {
				total += count
			}
			maps.DeleteFunc(m.model, func(_ string, e modelEntry) bool { return !time.Now().Before(e.expires) })
			require.Len(t, m.model, total)
		})
	}
}

// logSeed prints the seed of a random history that failed.
func logSeed(t *testing.T, seed uint64) {
	if t.Failed() {
		t.Logf("seed %d", seed)
	}
}

// change adds or removes entries.
func (m *modelRun) change(t *testing.T) {
	entries := make([]revocation.Entry, m.IntN(100))
	for n := range entries {
		entries[n] = randomEntry(m.Rand, modelKinds[m.IntN(len(modelKinds))])
	}
	if m.IntN(8) == 0 {
		require.NoError(t, m.list.Remove(t.Context(), entries...))
		for _, e := range entries {
			delete(m.model, modelKey(e.Kind, e.Issuer, e.ID))
		}
		return
	}
	require.NoError(t, m.list.Add(t.Context(), entries...))
	for _, e := range entries {
		addToModel(m.model, e)
	}
}

// check asks for a random token.
func (m *modelRun) check(t *testing.T) {
	url, ids := randomURL(m.Rand), []string{randomID(m.Rand), randomID(m.Rand), randomID(m.Rand), randomID(m.Rand), ""}
	iat := time.Now().Add(-time.Duration(m.IntN(7200)) * time.Second)
	c := tokenOf(t, url, fmt.Sprintf(`"jti":%q,"sid":%q,"sub":%q,"azp":%q,%s`, ids[0], ids[1], ids[2], ids[3], issuedAt(iat)))
	want := false
	for n, kind := range modelKinds {
		e, found := m.model[modelKey(kind, url, ids[n])]
		want = want || found && time.Now().Before(e.expires) && iat.Unix() <= e.notBefore
	}
	if !want {
		require.NoError(t, m.list.Check(t.Context(), c))
		return
	}
	m.revoked++
	require.ErrorIs(t, m.list.Check(t.Context(), c), claims.ErrRevoked)
}

func modelKey(kind revocation.Kind, url, id string) string {
	return fmt.Sprintf("%s %q %q", kind, url, id)
}

func randomURL(r *rand.Rand) string { return []string{issuerURL, otherURL}[r.IntN(2)] }

func randomID(r *rand.Rand) string { return fmt.Sprint(r.IntN(8000)) }

func randomEntry(r *rand.Rand, kind revocation.Kind) revocation.Entry {
	e := revocation.Entry{Kind: kind, Issuer: randomURL(r), ID: randomID(r)}
	switch kind {
	case revocation.Token:
		e.ExpiresAt = time.Now().Add(time.Duration(r.IntN(3600)) * time.Second)
	case revocation.Session:
	case revocation.Issuer:
		e.ID, e.NotBefore = "", time.Now().Add(-2*time.Hour).Add(time.Duration(r.IntN(600))*time.Second)
	default:
		e.NotBefore = time.Now().Add(-time.Duration(r.IntN(3_600_000)) * time.Millisecond)
	}
	return e
}

func addToModel(model map[string]modelEntry, e revocation.Entry) {
	key := modelKey(e.Kind, e.Issuer, e.ID)
	added := modelEntry{notBefore: 1 << 40, expires: time.Now().Add(5*time.Second + lifetime + 5*time.Minute)}
	switch e.Kind {
	case revocation.Token:
		added.expires = e.ExpiresAt.Add(5 * time.Minute)
	case revocation.Session:
		added.expires = added.expires.Add(5 * time.Minute)
	default:
		added.notBefore = e.NotBefore.Add(5*time.Second + time.Second - 1).Unix()
	}
	if old, found := model[key]; found && time.Now().Before(old.expires) {
		added.notBefore = max(added.notBefore, old.notBefore)
		if old.expires.After(added.expires) {
			added.expires = old.expires
		}
	}
	model[key] = added
}
