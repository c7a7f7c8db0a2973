package keyset

import (
	"crypto/ed25519"
	"math/big"
	"slices"
)

// weakEd25519 reports whether 32 bytes encode no point of edwards25519, or a point whose
// order divides 8. For such a point everyone can make signatures that crypto/ed25519
// accepts. The most common one is a placeholder: 32 zero bytes have order 4.
//
// Let y be the encoded coordinate and x² = (y²-1)/(dy²+1). A point exists if this is a
// square. The orders 1, 2 and 4 have y = 1, -1 and 0. A point of order 8 has a double with
// y = 0, which the doubling formula turns into dy⁴ + 2y² = 1.
func weakEd25519(key ed25519.PublicKey) bool {
	p, d := edwards25519()
	y := slices.Clone(key)
	slices.Reverse(y)
	y[0] &= 0x7f // the sign of x

	one := big.NewInt(1)
	y2 := new(big.Int).SetBytes(y)
	y2.Mul(y2, y2).Mod(y2, p)
	dy2 := new(big.Int).Mul(d, y2)

	numerator := new(big.Int).Sub(y2, one)
	denominator := new(big.Int).Add(dy2, one)
	// A quotient is a square if and only if the product is. The denominator is never zero,
	// because -1/d is not a square.
	if big.Jacobi(numerator.Mul(numerator, denominator).Mod(numerator, p), p) < 0 {
		return true
	}
	order8 := new(big.Int).Add(dy2, big.NewInt(2))
	order8.Mul(order8, y2).Sub(order8, one).Mod(order8, p)
	return y2.Sign() == 0 || y2.Cmp(one) == 0 || order8.Sign() == 0
}

// edwards25519 returns the prime 2²⁵⁵-19 and the curve's constant d = -121665/121666
// (RFC 8032 section 5.1).
func edwards25519() (p, d *big.Int) {
	p = new(big.Int).Lsh(big.NewInt(1), 255)
	p.Sub(p, big.NewInt(19))
	d = new(big.Int).ModInverse(big.NewInt(121666), p)
	d.Mul(d, big.NewInt(-121665)).Mod(d, p)
	return p, d
}
