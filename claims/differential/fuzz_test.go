package differential_test

import (
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// FuzzMutations compares the verifiers on mutated good tokens; see program.
func FuzzMutations(f *testing.F) {
	for op := range byte(32) {
		f.Add([]byte{0, op, 1, 2, 3})
		f.Add([]byte{10, op, 14, 5, 100, op, 17, 80, 200})
	}
	f.Fuzz(func(t *testing.T, p []byte) {
		if len(p) <= 10*instruction {
			compare(t, program(p).token())
		}
	})
}

// FuzzDocuments compares the verifiers on any two documents, signed as header and payload. Its
// seeds come from the tests of package claims.
func FuzzDocuments(f *testing.F) {
	for _, s := range unitSeeds(f) {
		f.Add(0, s.header, s.payload)
	}
	f.Fuzz(func(t *testing.T, signer int, header, payload string) {
		compare(t, signedDocuments(pick(signerShares, byte(signer)), header, payload))
	})
}

// FuzzTokens compares the verifiers on whole tokens.
func FuzzTokens(f *testing.F) {
	for i, s := range signers {
		token := signedDocuments(i, goodHeader(s.alg, s.kid).String(), goodPayload().String())
		f.Add(token)
		f.Add(token + ".")
		f.Add(otherSOf(token))
	}
	f.Add("eyJhbGciOiJub25lIn0.e30.")
	f.Fuzz(func(t *testing.T, token string) { compare(t, token) })
}

// All verifiers accept the unchanged tokens and read the same claims.
func TestGoodTokens(t *testing.T) {
	for i, s := range signers {
		token := signedDocuments(i, goodHeader(s.alg, s.kid).String(), goodPayload().String())
		assert.Empty(t, compare(t, token))
		for _, p := range append(peers, peer{"ours", func(token string) (outcome, error) { _, o, err := verifyOurs(token); return o, err }}) {
			o, err := p.verify(token)
			require.NoError(t, err, p.name)
			assert.Equal(t, "alice", o.subject, p.name)
			assert.Equal(t, now.Unix()+3600, o.expires, p.name)
			assert.Len(t, o.all, 6, p.name)
		}
		for _, damaged := range []string{otherSOf(token), token} {
			assert.Empty(t, compare(t, damaged))
		}
	}
}

// The example of each row has the row's difference, for each peer that the row names, and no
// other.
func TestKnownDifferences(t *testing.T) {
	for _, table := range [][]difference{stricter, moreTolerant, otherClaims} {
		for _, row := range table {
			met := compare(t, row.example)
			assert.NotEmpty(t, met, "the row %q explains nothing", row.name)
			for _, name := range met {
				assert.Equal(t, row.name, name)
			}
		}
	}
}

// TestSeeds runs all hostile members and a fixed series of mutations. Under the race detector it
// runs only a few: they would be slow, and nothing here is concurrent.
func TestSeeds(t *testing.T) {
	step := 1
	if testing.Short() || raceEnabled {
		step = 25
	}
	met := map[string]int{}
	run := func(token string) {
		for _, name := range compare(t, token) {
			met[name]++
		}
	}
	all := hostileSeeds()
	for i := 0; i < len(all); i += step {
		run(signedDocuments(0, all[i].header, all[i].payload))
	}
	random := rand.New(rand.NewPCG(2030, 1))
	for range 5000 / step {
		p := make(program, 1+instruction*(1+random.IntN(4)))
		for i := range p {
			p[i] = byte(random.Uint32())
		}
		run(p.token())
	}
	for _, name := range slices.Sorted(maps.Keys(met)) {
		t.Logf("%5d %s", met[name], name)
	}
}

// recorder counts what compare reports.
type recorder struct {
	testing.TB
	findings int
}

func (r *recorder) Errorf(string, ...any) { r.findings++ }

// Every difference that is in no table is reported, whether we or the peer accept.
func TestFindingsAreReported(t *testing.T) {
	good := signedDocuments(0, goodHeader("EdDSA", "k1").String(), goodPayload().String())
	c, o, err := verifyOurs(good)
	require.NoError(t, err)
	require.NotNil(t, c)
	other := o
	other.subject = "bob"
	accepts := func(o outcome) []peer { return []peer{{"peer", func(string) (outcome, error) { return o, nil }}} }
	refuses := []peer{{"peer", func(string) (outcome, error) { return outcome{}, errKid }}}
	for rule, tc := range map[string]struct {
		peers []peer
		token string
		want  int
	}{
		"both accept":                         {accepts(o), good, 0},
		"both refuse":                         {refuses, good + "AAAA", 0},
		"a peer reads another subject":        {accepts(other), good, 1},
		"a peer refuses what we accept":       {refuses, good, 1},
		"a peer accepts what we refuse":       {accepts(o), good + "AAAA", 1},
		"a peer accepts what we cannot parse": {accepts(o), good + ".", 1},
	} {
		r := &recorder{TB: t}
		compareWith(r, tc.peers, tc.token)
		assert.Equal(t, tc.want, r.findings, rule)
	}
}
