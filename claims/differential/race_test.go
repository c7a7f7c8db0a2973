//go:build race

package differential_test

// The race detector makes the comparisons ten times slower.
const raceEnabled = true
