//go:build !race

package claims

// RaceEnabled reports whether the race detector is on. It allocates memory itself.
const RaceEnabled = false
