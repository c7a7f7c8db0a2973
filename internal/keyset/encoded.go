package keyset

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"encoding/base64"
	"encoding/hex"
	"slices"
	"strconv"
	"strings"
)

// IsEncodedKeyMaterial reports whether value is the text of key material. The text is hex, base64,
// or a list of numbers, up to two of them one around the other. It also reports the bytes of a
// point, which is a public key without any form around it.
func IsEncodedKeyMaterial(value []byte) bool { return isEncoded(value, 2) }

func isEncoded(value []byte, depth int) bool {
	if isPoint(value) {
		return true
	}
	if depth == 0 {
		return false
	}
	return slices.ContainsFunc(decodings(value), func(decoded []byte) bool {
		return IsKeyMaterial(decoded) || isEncoded(decoded, depth-1)
	})
}

// decodings returns all that value can be the text of.
func decodings(value []byte) (decoded [][]byte) {
	text := string(bytes.Join(bytes.Fields(bytes.ReplaceAll(bytes.Trim(value, "\"'"), []byte(`\n`), nil)), nil))
	for _, encoding := range []*base64.Encoding{base64.StdEncoding, base64.RawStdEncoding, base64.URLEncoding, base64.RawURLEncoding} {
		if octets, err := encoding.DecodeString(text); err == nil {
			decoded = append(decoded, octets)
		}
	}
	numbers := longestList(value)
	if octets, err := hex.DecodeString(hexDigits.Replace(numbers)); err == nil {
		decoded = append(decoded, octets)
	}
	return append(decoded, listed(numbers))
}

// longestList returns the longest part of value that can be a printed list of numbers. They can be
// decimal or hex, with what programs print between them. Around it can be []byte{} or
// {"type":"Buffer","data":[]}.
func longestList(value []byte) string {
	parts := strings.FieldsFunc(string(value), func(r rune) bool {
		return !strings.ContainsRune("0123456789abcdefABCDEFxX\\-,;: \t\r\n", r)
	})
	if len(parts) == 0 {
		return ""
	}
	return slices.MaxFunc(parts, func(a, b string) int { return len(a) - len(b) })
}

var hexDigits = strings.NewReplacer("0x", "", "0X", "", `\x`, "", `\X`, "",
	"-", "", ",", "", ";", "", ":", "", " ", "", "\t", "", "\r", "", "\n", "")

// listed returns the bytes of a list of numbers, and nil if one of them is no byte. Java prints
// bytes with a sign.
func listed(numbers string) []byte {
	var octets []byte
	for _, number := range strings.FieldsFunc(numbers, func(r rune) bool { return strings.ContainsRune("\\,;: \t\r\n", r) }) {
		base := 10
		if digits := strings.TrimLeft(strings.ToLower(number), "0"); strings.HasPrefix(digits, "x") {
			number, base = digits[1:], 16
		}
		n, err := strconv.ParseInt(number, base, 16)
		if err != nil || n < -128 || n > 255 {
			return nil
		}
		octets = append(octets, byte(n))
	}
	return octets
}

// isPoint reports whether value is a point of one of the curves of RFC 7518 section 6.2.1.1, with
// or without the byte 4 of its uncompressed form (SEC 1 section 2.3.3).
func isPoint(value []byte) bool {
	for _, curve := range []elliptic.Curve{elliptic.P256(), elliptic.P384(), elliptic.P521()} {
		point := value
		if len(point) == 2*coordinateSize(curve) {
			point = append([]byte{4}, point...)
		}
		if _, err := ecdsa.ParseUncompressedPublicKey(curve, point); err == nil {
			return true
		}
	}
	return false
}
