package keyset

import (
	"bytes"
	"crypto/x509"
	"encoding/asn1"
	"slices"
	"unicode/utf8"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// IsKeyMaterial reports whether value is a key or certificate in PEM, DER, JWK or SSH form.
// A public key that is configured as an HMAC secret lets everyone who has it make tokens
// (RFC 8725 section 2.1). A private key is refused too, since it is not a shared secret.
func IsKeyMaterial(value []byte) bool {
	if isDER(value) { // before anything is trimmed: DER can end in any byte
		return true
	}
	value = bytes.Trim(value, " \t\r\n\"'\ufeff")
	return bytes.Contains(value, []byte("-----BEGIN")) || isSSH(value) || isJWK(value) || isDER(value)
}

// isSSH reports whether value is a line as in authorized_keys. Random bytes can have such a
// prefix, but are no text.
func isSSH(value []byte) bool {
	return utf8.Valid(value) && slices.ContainsFunc([]string{"ssh-", "ecdsa-sha2-", "sk-ssh-", "sk-ecdsa-"},
		func(prefix string) bool { return bytes.HasPrefix(value, []byte(prefix)) })
}

// isJWK reports whether value is a JWK or a JWK Set.
func isJWK(value []byte) bool {
	var document map[string]jsontext.Value
	if json.Unmarshal(value, &document) != nil {
		return false
	}
	return document["kty"] != nil || document["keys"] != nil
}

// isDER reports whether value starts with a key or a certificate in DER.
func isDER(value []byte) bool {
	var outer asn1.RawValue
	rest, err := asn1.Unmarshal(value, &outer)
	if err != nil {
		return false
	}
	value = value[:len(value)-len(rest)]
	for _, parse := range []func([]byte) error{
		func(der []byte) error { _, err := x509.ParsePKIXPublicKey(der); return err },
		parseRSA,
		func(der []byte) error { _, err := x509.ParseCertificate(der); return err },
		func(der []byte) error { _, err := x509.ParsePKCS8PrivateKey(der); return err },
		func(der []byte) error { _, err := x509.ParsePKCS1PrivateKey(der); return err },
		func(der []byte) error { _, err := x509.ParseECPrivateKey(der); return err },
	} {
		if parse(value) == nil {
			return true
		}
	}
	return false
}

// parseRSA reads PKCS #1. It wants 512 bits, because PKCS #1 is two numbers only, and random
// bytes can start with two short ones.
func parseRSA(der []byte) error {
	key, err := x509.ParsePKCS1PublicKey(der)
	if err == nil && key.N.BitLen() < 512 {
		err = errShortRSA
	}
	return err
}
