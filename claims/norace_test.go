//go:build !race

package claims

// RaceEnabled reports whether the race detector is on, which allocates on its own account.
const RaceEnabled = false
