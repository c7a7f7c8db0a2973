//go:build !race

package strict

// raceEnabled reports whether the race detector is on, which allocates and empties pools.
const raceEnabled = false
