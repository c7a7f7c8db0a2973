package revocation

import "hash/maphash"

// A key is the kind of an entry, and a hash of its issuer and identifier in 125 bits.
//
// The hashes are keyed with random seeds of the process, so a stranger cannot choose identifiers that
// collide. Two entries that collide by chance would refuse a token too many, and never one too
// few.
type key struct{ hi, lo uint64 }

// seeds make keys. Each pair of hashes is independent of the other one.
type seeds struct{ issuerHi, issuerLo, idHi, idLo maphash.Seed }

func newSeeds() seeds {
	return seeds{maphash.MakeSeed(), maphash.MakeSeed(), maphash.MakeSeed(), maphash.MakeSeed()}
}

// kindMask are the bits of key.hi that hold the kind.
const kindMask = 7

// spread makes the filter bits of the kinds differ for one identifier: a client is often also
// the subject of its tokens.
var spread = [numKinds]uint64{
	0x9e3779b97f4a7c15, 0xbf58476d1ce4e5b9, 0x94d049bb133111eb, 0xd6e8feb86659fd93, 0xa0761d6478bd642f,
}

// low returns the half of a key that the filter is asked with. issuer is the hash of the issuer.
func (s *seeds) low(k kind, issuer uint64, id string) uint64 {
	if k == issuerKind { // which has no id
		return issuer * spread[k]
	}
	return (issuer ^ maphash.String(s.idLo, id)) * spread[k]
}

// high returns the other half.
func (s *seeds) high(k kind, issuer, id string) uint64 {
	return (maphash.String(s.issuerHi, issuer)^maphash.String(s.idHi, id))&^kindMask | uint64(k)
}

func (s *seeds) lowIssuer(issuer string) uint64 { return maphash.String(s.issuerLo, issuer) }

func (s *seeds) key(k kind, issuer, id string) key {
	return key{s.high(k, issuer, id), s.low(k, s.lowIssuer(issuer), id)}
}

func (k key) kind() kind { return kind(k.hi & kindMask) }

// compare orders keys by hi, by whose first bits a table finds them.
func (k key) compare(other key) int {
	switch {
	case k == other:
		return 0
	case k.hi < other.hi, k.hi == other.hi && k.lo < other.lo:
		return -1
	}
	return 1
}
