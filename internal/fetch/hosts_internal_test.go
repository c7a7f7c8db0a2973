package fetch

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestSameHost(t *testing.T) {
	for _, pair := range [][2]string{
		{"a.example", "A.Example"}, {"a.example", "a.example."}, {"::1", "[::1]"}, {"::1", "0:0::1"}, {"10.0.0.1", "::ffff:10.0.0.1"},
	} {
		assert.True(t, sameHost(pair[0], pair[1]), pair)
	}
	for _, pair := range [][2]string{{"a.example", "b.example"}, {"a.example", "xa.example"}, {"", ""}, {"10.0.0.1", "10.0.0.2"}} {
		assert.False(t, sameHost(pair[0], pair[1]), pair)
	}
}

func TestPublicOnlyTrustsOnlyNamedHosts(t *testing.T) {
	h := NewHosts("https://issuer.example", []string{"plain.example"}, []string{"10.0.0.1"})
	assert.True(t, h.trusts("issuer.example"))
	assert.True(t, h.MayUseHTTP("localhost"))
	h = h.PublicOnly()
	assert.False(t, h.trusts("issuer.example"))
	assert.False(t, h.trusts("localhost"))
	assert.True(t, h.trusts("10.0.0.1"))
	assert.False(t, h.MayUseHTTP("localhost"))
	assert.True(t, h.MayUseHTTP("plain.example"))
	assert.Error(t, h.CheckNamed("https://127.0.0.1/"))
}
