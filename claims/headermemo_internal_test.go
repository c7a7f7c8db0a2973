package claims

import (
	"reflect"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestHeaderMemoIsBounded(t *testing.T) {
	var m headerMemo
	long := strings.Repeat("x", headerMemoBytes+1)
	m.add(long, header{alg: "EdDSA"})
	_, ok := m.get(long)
	assert.False(t, ok)
	for n := range 10_000 {
		m.add(strings.Repeat("a", n%headerMemoBytes), header{alg: "EdDSA"})
	}
	m.add("segment", header{alg: "EdDSA", kid: "k", typ: "jwt"})
	h, ok := m.get("segment")
	assert.True(t, ok)
	assert.Equal(t, header{alg: "EdDSA", kid: "k", typ: "jwt"}, h)
	_, ok = m.get("other")
	assert.False(t, ok)
}

// A kid that is a part of a long header would keep the whole header alive.
func TestHeaderMemoKeepsNoDocument(t *testing.T) {
	var memo headerMemo
	document := `{"alg":"EdDSA","kid":"k","x5c":"` + strings.Repeat("x", 10_000) + `"}`
	kid := document[strings.Index(document, `"k"`)+1:][:1]
	h := memo.add(strings.Repeat("s", headerMemoBytes+1), header{alg: "EdDSA", kid: kid})
	assert.Equal(t, "k", h.kid)
	assert.NotEqual(t, reflect.ValueOf(kid).Pointer(), reflect.ValueOf(h.kid).Pointer(), "a copy, not a part of the document")
}
