package keyset

import "bytes"

const (
	errPublicSecret  Unusable = "a key or a certificate, in PEM, DER, JWK or SSH form, is no secret"
	errEncodedSecret Unusable = "a key or a certificate, as hex, base64, a list of numbers or a point, is no secret"
	errFewBytes      Unusable = "secret has fewer than 8 different bytes: is a variable unset, or is it a placeholder?"
	errZeroTail      Unusable = "secret ends with 8 or more zero bytes: is it a shorter one in an array?"
)

const (
	// minDifferentBytes is how many a random value has. The probability of fewer is below
	// 10^-36 for 32 random bytes and 10^-18 for 64 random hex digits, 4*10^-8 for 32 of
	// them, and 10^-3 for 32 random decimal digits.
	minDifferentBytes = 8
	// maxZeroTail is how many zeros a random value can end with. The probability of more is
	// 2^-64.
	maxZeroTail = 7
)

// CheckSecret refuses what everyone knows or can guess (RFC 8725 sections 2.1 and 3.5).
func CheckSecret(value []byte) error {
	different := make(map[byte]struct{})
	for _, b := range value {
		different[b] = struct{}{}
	}
	switch {
	case IsKeyMaterial(value):
		return errPublicSecret
	case IsEncodedKeyMaterial(value):
		return errEncodedSecret
	case len(different) < minDifferentBytes:
		return errFewBytes
	// HMAC fills a key up with zeros (RFC 2104 section 2), so they add no strength.
	case len(value)-len(bytes.TrimRight(value, "\x00")) > maxZeroTail:
		return errZeroTail
	}
	return nil
}
