package keyset

import (
	"bytes"
	"crypto/x509"
	"encoding/asn1"
	"encoding/base64"

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
	for _, mark := range [][]byte{[]byte("-----BEGIN"), []byte("ssh-"), []byte("ecdsa-sha2-"), []byte("sk-ssh-"), []byte("sk-ecdsa-")} {
		if bytes.HasPrefix(value, mark) || mark[0] == '-' && bytes.Contains(value, mark) {
			return true
		}
	}
	return isJWK(value) || isDER(value) || isBase64DER(value)
}

// isJWK reports whether value is a JWK or a JWK Set.
func isJWK(value []byte) bool {
	var document map[string]jsontext.Value
	if json.Unmarshal(value, &document) != nil {
		return false
	}
	return document["kty"] != nil || document["keys"] != nil
}

func isBase64DER(value []byte) bool {
	joined := bytes.Join(bytes.Fields(bytes.ReplaceAll(value, []byte(`\n`), nil)), nil)
	for _, encoding := range []*base64.Encoding{base64.StdEncoding, base64.RawStdEncoding, base64.URLEncoding, base64.RawURLEncoding} {
		if der, err := encoding.DecodeString(string(joined)); err == nil && isDER(der) {
			return true
		}
	}
	return false
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
		func(der []byte) error { _, err := x509.ParsePKCS1PublicKey(der); return err },
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
