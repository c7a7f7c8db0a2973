package strict

import (
	"encoding/base64"
	"errors"
	"strings"
)

// The reasons for which [Cut], [Decode] and [AppendDecode] refuse a token.
var (
	ErrEncrypted = errors.New("encrypted tokens (JWE) are not accepted")
	ErrSegments  = errors.New("not three segments")
	ErrEmpty     = errors.New("empty segment")
	ErrBase64URL = errors.New("not base64url")
)

// A Compact holds the segments of a token in the JWS compact serialization (RFC 7515 section
// 7.1). They are not decoded.
type Compact struct {
	SigningInput               string // header and payload with the dot, as received
	Header, Payload, Signature string // base64url
}

// Cut cuts a token at its two dots. The signature may be empty, so that the caller can refuse
// an unsigned token by its alg (RFC 7519 section 6).
func Cut(token string) (Compact, error) {
	header, rest, _ := strings.Cut(token, ".")
	payload, signature, found := strings.Cut(rest, ".")
	switch more := strings.Count(signature, "."); {
	case more == 2:
		return Compact{}, ErrEncrypted // RFC 7516 section 9
	case !found, more > 0:
		return Compact{}, ErrSegments
	case header == "", payload == "":
		return Compact{}, ErrEmpty
	}
	signingInput := token[:len(header)+len(".")+len(payload)]
	return Compact{SigningInput: signingInput, Header: header, Payload: payload, Signature: signature}, nil
}

// strictBase64 refuses non-zero trailing bits, so that each segment has only one spelling. To a
// cache, a deny-list or a DPoP ath (RFC 9449 section 4.2), another spelling of a token would be
// another token.
var strictBase64 = base64.RawURLEncoding.Strict()

// Decode returns the bytes that a segment encodes. For segments of ordinary length, the
// result is its only allocation.
func Decode(segment string) (string, error) {
	var buffer [1 << 10]byte
	decoded, err := AppendDecode(buffer[:0], segment)
	return string(decoded), err
}

// AppendDecode appends the bytes that a segment encodes to dst. On an error it returns nil.
func AppendDecode(dst []byte, segment string) ([]byte, error) {
	decoded, err := strictBase64.AppendDecode(dst, []byte(segment))
	// The decoder of the standard library skips line breaks, which base64url does not have.
	if err != nil || strings.IndexByte(segment, '\n') >= 0 || strings.IndexByte(segment, '\r') >= 0 {
		return nil, ErrBase64URL
	}
	return decoded, nil
}
