//go:build !race

package revocation_test

// raceEnabled reports whether the race detector is on. It allocates memory itself.
const raceEnabled = false
