//go:build race

package tenants_test

const raceEnabled = true
