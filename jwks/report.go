package jwks

// The results of a fetch, for Config.OnFetch.
const (
	resultOK          = "ok"
	resultNotModified = "not_modified"
	resultError       = "error"
)

// report tells Config.OnFetch how f ended. Two goroutines can come here for one fetch: the
// watchdog that gave it up, and later its own. A fetch that was cut off by a freeze is reported
// by its own goroutine, since a request ended it.
func (c *Cache) report(f *fetching) {
	if c.onFetch == nil || f.err == errNoSlot || f.reported.Swap(true) {
		return
	}
	defer func() {
		if v := recover(); v != nil {
			c.log.panicked("OnFetch", v)
		}
	}()
	c.onFetch(string(f.kind), f.result(), f.took)
}

func (f *fetching) result() string {
	switch {
	case f.err != nil:
		return resultError
	case f.confirmed:
		return resultNotModified
	}
	return resultOK
}
