package keyset

import "math/big"

// rocaPrimes are the small primes of the fingerprint in "The Return of Coppersmith's
// Attack" (Nemec et al., CCS 2017, CVE-2017-15361).
var rocaPrimes = [...]uint64{
	3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83,
	89, 97, 101, 103, 107, 109, 113, 127, 131, 137, 139, 149, 151, 157, 163, 167,
}

// isROCA reports whether n has the form of a modulus that can be factored: it is a power
// of 65537 modulo each of the primes. About one in 2^27 other moduli has this form by chance.
func isROCA(n *big.Int) bool {
	var remainder, prime big.Int
	for _, p := range rocaPrimes {
		if !isPowerOf65537(remainder.Mod(n, prime.SetUint64(p)).Uint64(), p) {
			return false
		}
	}
	return true
}

func isPowerOf65537(r, p uint64) bool {
	for power, first := uint64(65537)%p, true; first || power != 65537%p; power, first = power*65537%p, false {
		if power == r {
			return true
		}
	}
	return false
}
