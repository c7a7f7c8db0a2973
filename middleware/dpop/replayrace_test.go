//go:build race

package dpop_test

// replayRace reports whether the race detector is on. It allocates memory itself.
const replayRace = true
