package main

import (
	"cmp"
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/bearerguard/bearerguard/claims"
	"github.com/bearerguard/bearerguard/middleware/benchmarks/internal/contender"
)

const readScope = contender.ReadScope

// A tokenMaker signs tokens of about 400 bytes with EdDSA, which is the cheapest to do a
// million times.
type tokenMaker struct {
	issuer string
	signer ed25519.PrivateKey
	kid    int
	scope  string // readScope if empty
	extra  string // more members
}

// token returns the value of an Authorization field. All tokens of one maker are equally
// long.
func (m tokenMaker) token(serial int) string {
	header := fmt.Sprintf(`{"alg":"EdDSA","typ":"at+jwt","kid":"%d"}`, m.kid)
	payload := m.payload(serial)
	encode := base64.RawURLEncoding.EncodeToString
	input := encode([]byte(header)) + "." + encode([]byte(payload))
	return "Bearer " + input + "." + encode(ed25519.Sign(m.signer, []byte(input)))
}

func (m tokenMaker) payload(serial int) string {
	return fmt.Sprintf(`{"iss":%q,"sub":%q,"aud":%q,"exp":%d,"scope":%q,"jti":"%012d"%s}`, m.issuer,
		contender.Subject, contender.Audience, time.Now().Unix()+86400, cmp.Or(m.scope, readScope), serial, m.extra)
}

func newSigner(n int) ed25519.PrivateKey {
	seed := binary.BigEndian.AppendUint64(make([]byte, 24), uint64(n))
	return ed25519.NewKeyFromSeed(seed)
}

func newSigners(count int) []ed25519.PrivateKey {
	signers := make([]ed25519.PrivateKey, count)
	for i := range signers {
		signers[i] = newSigner(i)
	}
	return signers
}

// A pool is any number of fields, packed so that a million are little work for the
// garbage collector.
type pool struct {
	count  int
	blocks []block
}

// A block is some fields in a row, and where each ends.
type block struct {
	text string
	ends []int32
}

const blockSize = 4096

// newPool makes the fields on all cores.
func newPool(count int, field func(i int) string) *pool {
	p := &pool{count: count, blocks: make([]block, (count+blockSize-1)/blockSize)}
	var next atomic.Int64
	var wait sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		wait.Go(func() {
			for n := int(next.Add(1)) - 1; n < len(p.blocks); n = int(next.Add(1)) - 1 {
				p.blocks[n] = newBlock(n*blockSize, min((n+1)*blockSize, count), field)
			}
		})
	}
	wait.Wait()
	return p
}

func newBlock(from, to int, field func(i int) string) block {
	var b block
	var text strings.Builder
	for i := from; i < to; i++ {
		text.WriteString(field(i))
		b.ends = append(b.ends, int32(text.Len()))
	}
	b.text = strings.Clone(text.String()) // without the room to grow
	return b
}

func (p *pool) at(i int) string {
	b, n := p.blocks[i/blockSize], i%blockSize
	var start int32
	if n > 0 {
		start = b.ends[n-1]
	}
	return b.text[start:b.ends[n]]
}

// tokens measures more and more distinct tokens that are all valid. The column that may
// take gigabytes is measured by itself.
func (g *grower) tokens(ctx context.Context) error {
	for _, count := range g.plan.Tokens {
		pool := newPool(count, tokenMaker{issuer: issuerURL, signer: newSigner(0)}.token)
		even, uneven := uniform(count), zipf(count)
		var rows []*row
		for _, column := range []struct {
			name    string
			entries int
			order   []uint32
		}{{noCacheColumn, noEntries, even}, {uniformColumn, someEntries, even}, {zipfColumn, someEntries, uneven}} {
			r, err := tokenRow(ctx, column.name, column.entries, pool, column.order)
			if err != nil {
				return err
			}
			rows = append(rows, r)
		}
		if err := g.measure(ctx, rows...); err != nil {
			return err
		}
		r, err := tokenRow(ctx, roomyColumn, room(count), pool, even)
		if err != nil {
			return err
		}
		if err := g.measure(ctx, r); err != nil {
			return err
		}
	}
	return nil
}

// tokenRow fills the cache: with everything, if there is room; else by walking until
// several times as many have been verified as there are entries.
func tokenRow(ctx context.Context, column string, entries int, pool *pool, order []uint32) (*row, error) {
	w, err := newCountedWalk(ctx, newSigner(0), entries, pool, order)
	if err != nil {
		return nil, err
	}
	if entries >= pool.count {
		err = w.visit(ctx)
	} else {
		err = w.warm(ctx, max(10, 6*entries))
	}
	w.verified.Store(0)
	w.requests = 0
	return w.row(sample{Table: tokenTable, Row: thousands(pool.count), Column: column}), err
}

// newCountedWalk counts the signatures that are verified, and so the tokens that were not
// remembered.
func newCountedWalk(ctx context.Context, signer ed25519.PrivateKey, entries int, p *pool, order []uint32) (*walk, error) {
	verified := new(atomic.Int64)
	policy, err := countedIssuer(ctx, signer, verified)
	if err != nil {
		return nil, err
	}
	handler, err := protect(claims.Config{Issuers: []claims.Issuer{policy}, CacheEntries: entries}, readScope)
	if err != nil {
		return nil, err
	}
	w := newWalk(ctx, handler, p, order)
	w.verified = verified
	return w, nil
}

func countedIssuer(ctx context.Context, signer ed25519.PrivateKey, verified *atomic.Int64) (claims.Issuer, error) {
	policy, err := issuerOf(issuerURL, signer)
	if err != nil {
		return policy, err
	}
	keys, err := policy.Keys.Keys(ctx, "EdDSA", "0")
	if err != nil {
		return policy, err
	}
	policy.Keys = countingSet{countingKey{keys[0], verified}}
	return policy, nil
}

// A countingSet is a key set of keys that are always the same.
type countingSet []claims.Key

// Keys implements claims.KeySet.
func (s countingSet) Keys(context.Context, string, string) ([]claims.Key, error) { return s, nil }

// A countingKey counts how often it is asked.
type countingKey struct {
	claims.Key
	verified *atomic.Int64
}

// Verify implements claims.Key.
func (k countingKey) Verify(signingInput, signature []byte) error {
	k.verified.Add(1)
	return k.Key.Verify(signingInput, signature)
}
