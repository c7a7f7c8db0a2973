package claims

import "iter"

// Issuers returns the URL and the key set of each issuer. The order is that of the Config, or of
// the latest Replace. Issuers that Config.Resolve finds are not among them.
func (v *Verifier) Issuers() iter.Seq2[string, KeySet] {
	t := v.trusted.Load()
	return func(yield func(string, KeySet) bool) {
		for _, url := range t.urls {
			if !yield(url, t.issuers[url].Keys) {
				return
			}
		}
	}
}

// CacheStatus returns how many verified tokens are cached, and how many were dropped early.
// evictions were dropped to make room, and keysGone because their key was gone. Tokens that have
// expired are counted as entries until they are swept out, and never as evictions.
func (v *Verifier) CacheStatus() (entries int, evictions, keysGone uint64) {
	if v.cache == nil {
		return 0, 0, 0
	}
	for i := range v.cache.shards {
		n, evicted := v.cache.shards[i].status()
		entries, evictions = entries+n, evictions+evicted
	}
	return entries, evictions, v.cache.keysGone.Load()
}
