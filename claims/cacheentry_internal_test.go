package claims

import (
	"crypto/sha256"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestDigestIsTheSHA256(t *testing.T) {
	for _, length := range []int{0, 1, 86, 342, pieceBytes - 1, pieceBytes, pieceBytes + 1, 3 * pieceBytes, 10_000} {
		signature := strings.Repeat("sIgNaTuRe", length/9+1)[:length]
		assert.Equal(t, digest(sha256.Sum256([]byte(signature))), digestOf(signature), "%d bytes", length)
		if !RaceEnabled {
			allocations := testing.AllocsPerRun(10, func() { digestOf(signature) })
			assert.Zero(t, allocations, "%d bytes", length)
		}
	}
}

func TestComparableKeys(t *testing.T) {
	pointer := Key(&stubKey{})
	assert.True(t, isComparable(pointer))
	assert.True(t, isComparable(stubKey{}))
	assert.True(t, isComparable(verifyingKey{}))
	assert.False(t, isComparable(sliceKey{}))
	assert.False(t, isComparable(holdingKey{sliceKey{}}), "its interface holds a slice")
	if !RaceEnabled {
		assert.Zero(t, testing.AllocsPerRun(10, func() { isComparable(pointer) }), "pointers, as of package jwks")
	}
}

type sliceKey []byte

func (sliceKey) Verify([]byte, []byte) error { return nil }

type holdingKey struct{ Key }
