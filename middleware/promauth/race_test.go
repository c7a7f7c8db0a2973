//go:build race

package promauth_test

const raceEnabled = true
