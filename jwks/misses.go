package jwks

import "sync/atomic"

// The misses are the calls of Keys that named a key which the set did not have. They are
// counted where such a call is answered, and never for a known key.
type misses struct{ all, unfetched atomic.Uint64 }

// count counts one call, and whether it was answered without a fetch.
func (m *misses) count(unfetched bool) {
	m.all.Add(1)
	if unfetched {
		m.unfetched.Add(1)
	}
}
