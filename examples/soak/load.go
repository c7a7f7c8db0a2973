package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync/atomic"
	"time"
)

const (
	subject = "alice"
	pause   = 2 * time.Millisecond
)

// A load is the requests of all workers.
type load struct {
	w    *world
	left atomic.Int64 // requests
	done chan struct{}
}

// work sends requests until none are left or the load is done.
func (l *load) work(seed uint64) {
	random := rand.New(rand.NewPCG(seed, 0)) // each worker sends the same requests in every run
	tick := time.NewTicker(pause)
	defer tick.Stop()
	for l.left.Add(-1) >= 0 {
		select {
		case <-l.done:
			return
		case <-tick.C:
		}
		if random.IntN(2) == 0 {
			l.befriend(random)
		} else {
			l.attack(random)
		}
	}
}

// befriend sends a request with a good token, which the API has seen or which is new.
func (l *load) befriend(random *rand.Rand) {
	ring := l.w.keys.Load()
	candidates := slices.Concat(ring.known, ring.fresh)
	s := candidates[random.IntN(len(candidates))]
	token := s.pooled
	if random.IntN(4) == 0 {
		token = l.w.token(s.key, nil)
	}
	method, want := http.MethodGet, http.StatusOK
	if random.IntN(2) == 0 {
		method, want = http.MethodPost, http.StatusCreated
	}
	status, body, err := l.w.call(context.Background(), method, "Bearer "+token)
	switch {
	case err != nil:
		l.w.tally.violate("no answer: " + err.Error())
	case status == want && body == subject:
		l.w.tally.accepted.Add(1)
	// A refusal is wrong only if the key was known before the request and still is.
	case undecided(status) && !(ring.knows(s.key.ID) && l.w.keys.Load().knows(s.key.ID)):
		l.w.tally.early.Add(1)
	default:
		l.w.tally.violate(fmt.Sprintf("a good token of a known key was answered with %d", status))
	}
}

// attack sends a request that must be refused.
func (l *load) attack(random *rand.Rand) {
	ring := l.w.keys.Load()
	a, key := attacks[random.IntN(len(attacks))], ring.known[0].key
	if a.retired && len(ring.retired) == 0 {
		return
	}
	if a.retired {
		key = ring.retired[random.IntN(len(ring.retired))].key
	}
	ctx := context.Background()
	if a.patience > 0 {
		limited, cancel := context.WithTimeout(ctx, time.Duration(random.Int64N(int64(a.patience))))
		defer cancel()
		ctx = limited
	}
	status, _, err := l.w.call(ctx, a.method(), a.authorization(l.w, key)...)
	unknown := a.unknown || a.retired || !l.w.keys.Load().knows(key.ID)
	switch {
	case err != nil && a.patience > 0:
		l.w.tally.abandoned.Add(1)
	case err != nil:
		l.w.tally.violate("no answer: " + err.Error())
	case status == a.status, status == http.StatusServiceUnavailable && unknown:
		l.w.tally.repelled.Add(1)
	case status < 400:
		l.w.tally.violate(fmt.Sprintf("a hostile request was accepted: %s", a.name))
	default:
		l.w.tally.violate(fmt.Sprintf("%s: answered with %d, not with %d", a.name, status, a.status))
	}
}
