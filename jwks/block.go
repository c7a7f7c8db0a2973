package jwks

import (
	"fmt"
	"maps"
	"unicode/utf8"

	"github.com/bearerguard/bearerguard/claims"
	"github.com/bearerguard/bearerguard/internal/keyset"
)

var errBlocked = fmt.Errorf("jwks: the key was withdrawn by Block: %w", claims.ErrUnknownKey)

// Block refuses the keys of this kid at once. It is for a private key that has leaked, before
// the issuer has removed it.
//
// It also refuses the same key material under every other kid that the issuer publishes,
// now or later. A token that names the kid is refused without a fetch. A token without a
// kid is not tried with these keys. The set need not have the kid now. An empty kid, and one
// that is not UTF-8, which no token can name, are ignored.
//
// Block knows the material that the issuer publishes under the kid now or later. If the
// issuer has renamed the key before the call, block the new kid too. In a set without any
// kid, Block refuses the tokens that name the kid, but it cannot take the key out of use: a
// thief can name another kid, or none.
//
// A restart forgets the block, unless it begins with a Config.Seed that OnDocument got after
// the call.
func (c *Cache) Block(kid string) {
	if kid == "" || !utf8.ValidString(kid) {
		return
	}
	c.mu.Lock()
	s := *c.current.Load()
	s.block = s.block.with(kid)
	s.serve(s.good)
	c.current.Store(&s)
	c.mu.Unlock()
	c.log.blocked(kid)
	c.store.offer(&c.current)
}

// maxBlockedMaterial bounds how much material is remembered. No honest issuer publishes
// more than this under blocked kids.
const maxBlockedMaterial = 4 * keyset.MaxKeys

// A block is the list of blocked kids, and of the material that was published under them. A
// thief with a private key signs under any kid that the issuer publishes it with. It is
// never changed, only replaced. The zero value is empty.
type block struct {
	kids     map[string]struct{}
	material map[keyset.Thumbprint]struct{}
}

func (b block) names(kid string) bool {
	_, ok := b.kids[kid]
	return ok
}

// with returns b and this kid.
func (b block) with(kid string) block {
	kids := map[string]struct{}{kid: {}}
	maps.Copy(kids, b.kids)
	b.kids = kids
	return b
}

// learn returns b and the material that the set has under the blocked kids. The material
// stays in b, since a later set can have it under other kids only.
func (b block) learn(set *keyset.Set) block {
	if len(b.kids) == 0 {
		return b
	}
	material := make(map[keyset.Thumbprint]struct{})
	maps.Copy(material, b.material)
	for kid, m := range set.Materials() {
		if b.names(kid) && len(material) < maxBlockedMaterial {
			material[m] = struct{}{}
		}
	}
	b.material = material
	return b
}
