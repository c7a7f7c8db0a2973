package revocation

import (
	"math"
	"math/bits"
	"slices"
	"time"
)

// A second is a time in seconds since 1970. Later times than those of the year 2106 are the
// last one, so that such an entry is not forgotten early.
type second uint32

// always is the threshold of an entry that refuses all tokens.
const always second = math.MaxUint32

func secondOf(unix int64) second { return second(max(0, min(unix, math.MaxUint32))) }

// ceil returns t, rounded up to a whole second.
func ceil(t time.Time) second {
	unix := t.Unix()
	if t.Nanosecond() > 0 {
		unix++
	}
	return secondOf(unix)
}

// plus returns the time a duration later, rounded up.
func (s second) plus(d time.Duration) second {
	seconds := int64(d / time.Second)
	if d%time.Second > 0 {
		seconds++
	}
	return secondOf(int64(s) + seconds)
}

// A record is an entry as the request path needs it: in 24 bytes.
type record struct {
	key
	threshold second // tokens issued up to then are refused
	expires   second // 0: the entry was removed
}

// refuses reports whether r refuses a token. A token without a usable iat has the zero time,
// which is before every threshold.
func (r record) refuses(issuedAt time.Time) bool {
	return r.threshold == always || issuedAt.Unix() <= int64(r.threshold)
}

// merged returns what is left of two records of one key. An earlier not-before never shortens a
// later one.
func (r record) merged(other record) record {
	return record{r.key, max(r.threshold, other.threshold), max(r.expires, other.expires)}
}

// A table is an immutable set of records. It takes 24 bytes for each, and at most 1 for starts.
type table struct {
	records []record // in the order of their keys
	starts  []uint32 // where the records of each bucket begin; one more for the end
	shift   uint     // what is left of key.hi is the number of its bucket
}

const recordsPerBucket = 4

// newTable returns a table of records, which must be in order.
func newTable(records []record) table {
	buckets := 1 << bits.Len(uint(len(records)/recordsPerBucket/2))
	t := table{records: records, starts: make([]uint32, buckets+1), shift: uint(64 - bits.Len(uint(buckets-1)))}
	for _, r := range records {
		t.starts[r.hi>>t.shift+1]++
	}
	for n := range buckets {
		t.starts[n+1] += t.starts[n]
	}
	return t
}

func (t *table) find(k key) (record, bool) {
	bucket := k.hi >> t.shift
	for _, r := range t.records[t.starts[bucket]:t.starts[bucket+1]] {
		if r.key == k {
			return r, true
		}
	}
	return record{}, false
}

func compareRecords(a, b record) int { return a.compare(b.key) }

// overlay returns the records of base and of changes, each in the order of their keys. For a key
// of both, it returns that of changes.
func overlay(base, changes []record) []record {
	all := make([]record, 0, len(base)+len(changes))
	for _, change := range changes {
		n, found := slices.BinarySearchFunc(base, change, compareRecords)
		all = append(append(all, base[:n]...), change)
		if found {
			n++
		}
		base = base[n:]
	}
	return append(all, base...)
}
