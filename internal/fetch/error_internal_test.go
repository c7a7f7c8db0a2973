package fetch

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestPrintable(t *testing.T) {
	assert.Equal(t, "plain text", Printable("plain text", 10))
	assert.Equal(t, "plain tex...", Printable("plain text", 9))
	assert.Equal(t, "a?b?c??d", Printable("a\nb\x1bc\xff\u00e9d", 20))
}
