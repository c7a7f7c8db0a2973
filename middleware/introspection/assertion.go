package introspection

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/asn1"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"time"
)

const (
	assertionLife = time.Minute
	minRSABits    = 2048 // RFC 7518 section 3.3
)

// A signer signs assertions with one key and algorithm.
type signer struct {
	alg  string
	sign func(input []byte) ([]byte, error)
}

// signerOf returns a signer, or why the key cannot sign by the algorithm. An empty alg means the
// default of the key.
func signerOf(key crypto.Signer, alg string) (signer, error) {
	switch public := key.Public().(type) {
	case *rsa.PublicKey:
		switch {
		case public.N.BitLen() < minRSABits:
			return signer{}, errors.New("the RSA key has less than 2048 bits")
		case alg == "", alg == "RS256":
			return signer{"RS256", digestSigner(key, crypto.SHA256)}, nil
		case alg == "PS256":
			return signer{alg, digestSigner(key, &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash, Hash: crypto.SHA256})}, nil
		}
	case *ecdsa.PublicKey:
		if public.Curve == elliptic.P256() && (alg == "" || alg == "ES256") {
			return signer{"ES256", joseECDSA(digestSigner(key, crypto.SHA256))}, nil
		}
	case ed25519.PublicKey:
		if alg == "" || alg == "EdDSA" || alg == "Ed25519" {
			name := alg
			if name == "" {
				name = "EdDSA"
			}
			return signer{name, func(input []byte) ([]byte, error) { return key.Sign(rand.Reader, input, crypto.Hash(0)) }}, nil
		}
	}
	return signer{}, fmt.Errorf("a %T cannot sign by %q: RS256 and PS256 need an RSA key, ES256 a P-256 key, and EdDSA an Ed25519 key", key.Public(), alg)
}

func digestSigner(key crypto.Signer, options crypto.SignerOpts) func([]byte) ([]byte, error) {
	return func(input []byte) ([]byte, error) {
		digest := sha256.Sum256(input)
		return key.Sign(rand.Reader, digest[:], options)
	}
}

var errSignature = errors.New("the key returned no ECDSA signature")

// joseECDSA turns the ASN.1 of a crypto.Signer into two numbers of 32 bytes (RFC 7518 section 3.4).
func joseECDSA(sign func([]byte) ([]byte, error)) func([]byte) ([]byte, error) {
	const size = 32
	return func(input []byte) ([]byte, error) {
		der, err := sign(input)
		if err != nil {
			return nil, err
		}
		var numbers struct{ R, S *big.Int }
		if rest, err := asn1.Unmarshal(der, &numbers); err != nil || len(rest) > 0 ||
			numbers.R.Sign() <= 0 || numbers.S.Sign() <= 0 || numbers.R.BitLen() > 8*size || numbers.S.BitLen() > 8*size {
			return nil, errSignature
		}
		signature := make([]byte, 2*size)
		numbers.R.FillBytes(signature[:size])
		numbers.S.FillBytes(signature[size:])
		return signature, nil
	}
}

// assertion returns a JWT that authenticates the client (RFC 7523 section 3).
func (s signer) assertion(client, kid, audience string) (string, error) {
	now := time.Now()
	header, err := json.Marshal(struct {
		Algorithm string `json:"alg"`
		KeyID     string `json:"kid,omitempty"`
		Type      string `json:"typ"`
	}{s.alg, kid, "JWT"})
	if err != nil {
		return "", err
	}
	payload, err := json.Marshal(struct {
		Issuer   string `json:"iss"`
		Subject  string `json:"sub"`
		Audience string `json:"aud"`
		ID       string `json:"jti"`
		IssuedAt int64  `json:"iat"`
		Expires  int64  `json:"exp"`
	}{client, client, audience, rand.Text(), now.Unix(), now.Add(assertionLife).Unix()})
	if err != nil {
		return "", err
	}
	input := base64.RawURLEncoding.EncodeToString(header) + "." + base64.RawURLEncoding.EncodeToString(payload)
	signature, err := s.sign([]byte(input))
	if err != nil {
		return "", fmt.Errorf("signing the assertion: %w", err)
	}
	return input + "." + base64.RawURLEncoding.EncodeToString(signature), nil
}
