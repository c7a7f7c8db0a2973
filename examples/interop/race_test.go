//go:build unix && race

package interop_test

const raceEnabled = true
