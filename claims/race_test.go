//go:build race

package claims_test

// The race detector allocates on its own account.
const raceEnabled = true
