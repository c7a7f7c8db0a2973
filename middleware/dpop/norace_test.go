//go:build !race

package dpop_test

// raceEnabled reports whether the race detector is on. It allocates memory itself.
const raceEnabled = false
