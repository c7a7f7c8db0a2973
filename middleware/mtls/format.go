package mtls

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"strings"
)

// parse returns the SHA-256 of the certificate in a field. It accepts exactly one spelling of
// each format, but for the case of hexadecimal digits.
func (c *Checker) parse(field string) ([sha256.Size]byte, problem) {
	switch c.source {
	case FromClientCert:
		return fromClientCert(field)
	case FromXFCC:
		return c.fromXFCC(field)
	case FromEscapedPEM:
		return fromEscapedPEM(field)
	case FromFingerprint:
		return fromFingerprint(field)
	}
	return [sha256.Size]byte{}, errMalformed
}

// fromClientCert reads a byte sequence (RFC 9440 section 2.1, RFC 8941 section 3.3.5), without
// parameters.
func fromClientCert(field string) (hash [sha256.Size]byte, p problem) {
	inner, opens := strings.CutPrefix(field, ":")
	inner, closes := strings.CutSuffix(inner, ":")
	der, ok := decode(base64.StdEncoding, inner)
	if !opens || !closes || !ok {
		return hash, errMalformed
	}
	return sha256.Sum256(der), ""
}

// fromFingerprint reads a SHA-256. Its length tells how it is written.
func fromFingerprint(field string) (hash [sha256.Size]byte, p problem) {
	var octets []byte
	ok := false
	switch len(field) {
	case hex.EncodedLen(sha256.Size):
		return fromHex(field)
	case base64.StdEncoding.EncodedLen(sha256.Size):
		octets, ok = decode(base64.StdEncoding, field)
	case base64.RawURLEncoding.EncodedLen(sha256.Size):
		octets, ok = decode(base64.RawURLEncoding, field)
	}
	if !ok || copy(hash[:], octets) != sha256.Size {
		return [sha256.Size]byte{}, errMalformed
	}
	return hash, ""
}

func fromHex(s string) (hash [sha256.Size]byte, p problem) {
	octets, err := hex.DecodeString(s)
	if err != nil || len(octets) != sha256.Size {
		return hash, errMalformed
	}
	return [sha256.Size]byte(octets), ""
}

const (
	pemBegin = "-----BEGIN CERTIFICATE-----\n"
	pemEnd   = "\n-----END CERTIFICATE-----"
)

// fromEscapedPEM reads one certificate or more (RFC 7468 section 5), with nothing before, between
// or behind them. The TLS client sends its own first (RFC 8446 section 4.4.2).
func fromEscapedPEM(field string) (hash [sha256.Size]byte, p problem) {
	rest, ok := unescape(field)
	for n := 0; ok && (n == 0 || rest != ""); n++ {
		var der []byte
		if der, rest, ok = cutPEM(rest); n == 0 {
			hash = sha256.Sum256(der)
		}
	}
	if !ok {
		return [sha256.Size]byte{}, errMalformed
	}
	return hash, ""
}

// cutPEM returns the first certificate of s, and what follows its last line.
func cutPEM(s string) (der []byte, rest string, ok bool) {
	body, begins := strings.CutPrefix(s, pemBegin)
	body, rest, ends := strings.Cut(body, pemEnd)
	rest, broken := strings.CutPrefix(rest, "\n")
	der, ok = decode(base64.StdEncoding, strings.ReplaceAll(body, "\n", ""))
	return der, rest, ok && begins && ends && (broken || rest == "")
}

// unescape decodes percent-encoded octets (RFC 3986 section 2.1). A + is a +, since AWS does not
// encode it.
func unescape(s string) (string, bool) {
	var b strings.Builder
	b.Grow(len(s))
	for {
		plain, escaped, found := strings.Cut(s, "%")
		b.WriteString(plain)
		if !found {
			return b.String(), true
		}
		if len(escaped) < 2 {
			return "", false
		}
		octet, err := hex.DecodeString(escaped[:2])
		if err != nil {
			return "", false
		}
		b.Write(octet)
		s = escaped[2:]
	}
}

// decode decodes base64 in its one strict spelling. Nothing is no certificate.
func decode(encoding *base64.Encoding, s string) ([]byte, bool) {
	if s == "" || strings.ContainsAny(s, "\r\n") { // which Go's decoder passes over
		return nil, false
	}
	octets, err := encoding.Strict().DecodeString(s)
	return octets, err == nil
}
