//go:build !race

package strict

// raceEnabled reports whether the race detector is on. It allocates memory and empties pools.
const raceEnabled = false
