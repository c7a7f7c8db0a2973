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
