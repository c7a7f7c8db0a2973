//go:build race

package fiberauth_test

const raceEnabled = true
