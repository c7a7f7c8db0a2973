//go:build !race

package tenants_test

// raceEnabled reports whether the race detector is on. It allocates memory and empties pools.
const raceEnabled = false
