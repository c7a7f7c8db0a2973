//go:build !race

package introspection_test

const raceEnabled = false
