package keyset

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"encoding/pem"
	"strings"
)

const (
	errPEM        Unusable = "not PEM"
	errPEMType    Unusable = "PEM block is none of PUBLIC KEY, RSA PUBLIC KEY and CERTIFICATE"
	errPEMContent Unusable = "PEM block does not hold a public key"
	errPEMExtra   Unusable = "something besides one PEM block: give only the signing key's"
)

// decodePEM reads exactly one block. A file with more blocks is usually a certificate chain,
// whose other keys belong to certification authorities and sign no tokens. No error holds
// a byte of the input, because the input can be a secret in the wrong place.
func decodePEM(data []byte) (crypto.PublicKey, error) {
	data = bytes.TrimSpace(data)
	// encoding/pem would skip anything in front of a block.
	if !bytes.HasPrefix(data, []byte("-----BEGIN ")) {
		return nil, errPEM
	}
	if hasPrivateBlock(data) {
		return nil, errPrivateGiven
	}
	block, rest := pem.Decode(data)
	if block == nil {
		return nil, errPEM
	}
	if len(rest) > 0 {
		return nil, errPEMExtra
	}
	return parseBlock(block)
}

// hasPrivateBlock looks at every block, because some tools write parameters or a
// certificate in front of the key.
func hasPrivateBlock(data []byte) bool {
	for block, rest := pem.Decode(data); block != nil; block, rest = pem.Decode(rest) {
		if strings.HasSuffix(block.Type, "PRIVATE KEY") {
			return true
		}
	}
	return false
}

func parseBlock(block *pem.Block) (key crypto.PublicKey, err error) {
	switch block.Type {
	case "PUBLIC KEY":
		key, err = x509.ParsePKIXPublicKey(block.Bytes)
	case "RSA PUBLIC KEY":
		key, err = x509.ParsePKCS1PublicKey(block.Bytes)
	case "CERTIFICATE":
		var certificate *x509.Certificate
		if certificate, err = x509.ParseCertificate(block.Bytes); err == nil {
			key = certificate.PublicKey
		}
	default:
		return nil, errPEMType
	}
	if err != nil {
		return nil, errPEMContent
	}
	return key, nil
}
