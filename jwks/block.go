package jwks

import (
	"fmt"
	"maps"

	"github.com/bearerguard/bearerguard/claims"
)

var errBlocked = fmt.Errorf("jwks: the key was withdrawn by Block: %w", claims.ErrUnknownKey)

// Block withdraws the keys of this kid at once and for the life of the process, under
// whatever other kid the issuer publishes the same material, then or later. A token that
// names the kid is refused without a fetch, and one that names none is not tried with
// these keys. It does not matter whether the set has the kid now. An empty kid is
// ignored.
//
// It knows only the material that stands under kid now or later. If the issuer renamed
// the key before the call, block the new kid, too. Where no key of the set has a kid it
// refuses the tokens that name kid, but cannot withdraw the key: whoever holds that may
// name another, or none.
//
// It is for a private key that has leaked, before the issuer has removed it. A restart
// forgets it.
func (c *Cache) Block(kid string) {
	if kid == "" {
		return
	}
	c.mu.Lock()
	v := *c.view.Load()
	v.blocked = v.blocked.with(kid)
	v.serve(v.good)
	c.view.Store(&v)
	c.mu.Unlock()
	c.observer.blocked(kid)
}

// serve puts a set in place, less what was withdrawn. It may be nil.
func (v *view) serve(good *goodSet) {
	v.good = good
	if good == nil {
		return
	}
	v.blocked = v.blocked.learn(good.keys)
	v.keys = good.keys.without(v.blocked.material)
}

// maxWithdrawn bounds how much material is remembered. An issuer that publishes more
// than that under withdrawn kids is past being helped by this.
const maxWithdrawn = 4 * maxKeys

// withdrawn is what Block was told, and the material that has stood under those kids:
// an attacker who holds a private key signs under any kid that the issuer publishes it
// with. It is never changed, only replaced. The zero value is empty.
type withdrawn struct {
	kids     map[string]struct{}
	material map[thumbprint]struct{}
}

func (w withdrawn) names(kid string) bool {
	_, ok := w.kids[kid]
	return ok
}

// with returns w and this kid.
func (w withdrawn) with(kid string) withdrawn {
	kids := map[string]struct{}{kid: {}}
	maps.Copy(kids, w.kids)
	w.kids = kids
	return w
}

// learn returns w and the material that the set has under its kids. What it has learned
// stays, since a later set may have it under other kids only.
func (w withdrawn) learn(set *keySet) withdrawn {
	if len(w.kids) == 0 {
		return w
	}
	material := make(map[thumbprint]struct{})
	maps.Copy(material, w.material)
	for _, e := range set.entries {
		if w.names(e.id.kid) && len(material) < maxWithdrawn {
			material[e.id.material] = struct{}{}
		}
	}
	w.material = material
	return w
}
