package jwks

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

// What is remembered of withdrawn kids is bounded, whatever an issuer publishes.
func TestWithdrawnMaterialIsBounded(t *testing.T) {
	blocked := withdrawn{}.with("leaked")
	for document := range 2 * maxWithdrawn / maxKeys {
		var entries []*entry
		for n := range maxKeys {
			e := &entry{id: identity{material: thumbprint{byte(document), byte(n)}}}
			e.id.kid = "leaked"
			entries = append(entries, e)
		}
		set := newKeySet(entries)
		blocked = blocked.learn(set)
		withdrawn := set.without(blocked.material).size() == 0
		assert.Equal(t, document < maxWithdrawn/maxKeys, withdrawn)
	}
	assert.Len(t, blocked.material, maxWithdrawn)
}
