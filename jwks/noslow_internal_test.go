//go:build !race

package jwks

// slowdown is how much less the race detector lets TestModel do.
const slowdown = 1
