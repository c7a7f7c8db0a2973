package claims_test

import (
	"bytes"
	"compress/flate"
	"crypto"
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/binary"
	"encoding/pem"
	"math/big"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/claims"
	"github.com/bearerguard/bearerguard/jwks"
)

// The issuer's other keys in the regressions, besides signer.
var (
	issuerRSA = sync.OnceValue(func() *rsa.PrivateKey { return must(rsa.GenerateKey(rand.Reader, 2048)) })
	issuerEC  = sync.OnceValue(func() *ecdsa.PrivateKey { return must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader)) })
)

// attacker's key is in no set.
var attacker = ed25519.NewKeyFromSeed([]byte("another seed of 32 bytes, theirs"))

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func issuerKeys(t *testing.T) claims.KeySet {
	t.Helper()
	keys, err := jwks.StaticKeys(
		jwks.PublicKey{KeyID: "k1", Key: signer.Public()},
		jwks.PublicKey{KeyID: "rsa", Key: &issuerRSA().PublicKey},
		jwks.PublicKey{KeyID: "ec", Key: &issuerEC().PublicKey},
	)
	require.NoError(t, err)
	return keys
}

func issuerOf(keys claims.KeySet, algorithms ...string) claims.Issuer {
	issuer := goodIssuer()
	issuer.Keys, issuer.Algorithms = keys, algorithms
	return issuer
}

func encode(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

// input returns the signing input of this header and good claims.
func input(header string) string { return b64(header) + "." + b64(payload(nil)) }

func unsigned(header string) string { return input(header) + "." }

// forged returns a token that the attacker has signed correctly.
func forged(header string) string {
	return input(header) + "." + encode(ed25519.Sign(attacker, []byte(input(header))))
}

// mac returns a token with an HMAC. A verifier that uses secret as the HMAC key accepts it.
func mac(header string, secret []byte) string {
	h := hmac.New(sha256.New, secret)
	h.Write([]byte(input(header)))
	return input(header) + "." + encode(h.Sum(nil))
}

func rs256(header string) string {
	digest := sha256.Sum256([]byte(input(header)))
	return input(header) + "." + encode(must(rsa.SignPKCS1v15(nil, issuerRSA(), crypto.SHA256, digest[:])))
}

// es256 returns a token with r and s as its signature.
func es256(header string, r, s *big.Int) string {
	return input(header) + "." + encode(append(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32))...))
}

// es256DER returns a token with a good signature in the encoding of X.509.
func es256DER(header string) string {
	digest := sha256.Sum256([]byte(input(header)))
	return input(header) + "." + encode(must(ecdsa.SignASN1(rand.Reader, issuerEC(), digest[:])))
}

func pkixPEM(key crypto.PublicKey) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: must(x509.MarshalPKIXPublicKey(key))})
}

func pkcs1PEM(key *rsa.PublicKey) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "RSA PUBLIC KEY", Bytes: x509.MarshalPKCS1PublicKey(key)})
}

// openSSH returns a line of authorized_keys (RFC 4253 section 6.6).
func openSSH(kind string, fields ...[]byte) []byte {
	var blob []byte
	for _, field := range append([][]byte{[]byte(kind)}, fields...) {
		blob = append(binary.BigEndian.AppendUint32(blob, uint32(len(field))), field...)
	}
	return []byte(kind + " " + base64.StdEncoding.EncodeToString(blob))
}

// encryptedTo returns a JWE (RFC 7516). It takes only the issuer's public key to make one.
func encryptedTo(key *rsa.PublicKey, plaintext string) string {
	header := b64(`{"alg":"RSA-OAEP-256","enc":"A256GCM","cty":"JWT"}`)
	contentKey, nonce := make([]byte, 32), make([]byte, 12)
	wrapped := must(rsa.EncryptOAEP(sha256.New(), rand.Reader, key, contentKey, nil))
	gcm := must(cipher.NewGCM(must(aes.NewCipher(contentKey))))
	sealed := gcm.Seal(nil, nonce, []byte(plaintext), []byte(header))
	tag := len(sealed) - gcm.Overhead()
	return strings.Join([]string{header, encode(wrapped), encode(nonce), encode(sealed[:tag]), encode(sealed[tag:])}, ".")
}

// bomb returns size zero bytes, compressed with DEFLATE.
func bomb(size int) []byte {
	var out bytes.Buffer
	w := must(flate.NewWriter(&out, flate.BestCompression))
	must(w.Write(make([]byte, size)))
	if err := w.Close(); err != nil {
		panic(err)
	}
	return out.Bytes()
}

// cubeRootForgery returns a signature for a modulus of 2048 bits and the exponent 3. A verifier
// that ignores the bytes after the hash accepts it.
func cubeRootForgery(signingInput string) []byte {
	digest := sha256.Sum256([]byte(signingInput))
	// RFC 8017 section 9.2: the DigestInfo of SHA-256.
	info := append([]byte("0\x31\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01\x05\x00\x04\x20")[1:], digest[:]...)
	start := append([]byte("\x00\x01\xff\xff\xff\xff\xff\xff\xff\xff\x00"), info...)
	message := new(big.Int).SetBytes(append(start, bytes.Repeat([]byte{0xff}, 256-len(start))...))
	low, high := new(big.Int), new(big.Int).Lsh(big.NewInt(1), 700)
	three := big.NewInt(3)
	for new(big.Int).Sub(high, low).Cmp(big.NewInt(1)) > 0 {
		middle := new(big.Int).Rsh(new(big.Int).Add(low, high), 1)
		if new(big.Int).Exp(middle, three, nil).Cmp(message) > 0 {
			high = middle
		} else {
			low = middle
		}
	}
	cube := new(big.Int).Exp(low, three, nil).FillBytes(make([]byte, 256))
	if !bytes.HasPrefix(cube, start) {
		panic("not a forgery")
	}
	return low.FillBytes(make([]byte, 256))
}
