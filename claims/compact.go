package claims

import (
	"encoding/base64"
	"errors"
	"strings"
)

// strictBase64 refuses non-zero trailing bits, so that a segment has one spelling. A
// lax decoder gives every token many, which a cache, a deny-list or a DPoP ath (RFC
// 9449 section 4.2) would take for different ones.
var strictBase64 = base64.RawURLEncoding.Strict()

// A compact is a token in the JWS compact serialization (RFC 7515 section 7.1), cut but
// not decoded.
type compact struct {
	signingInput               string // header and payload with the dot, as received
	header, payload, signature string // base64url
}

// cutCompact cuts token at its two dots. The signature may be empty here, so that the
// header's alg can say why (RFC 7519 section 6).
func cutCompact(token string) (compact, error) {
	header, rest, _ := strings.Cut(token, ".")
	payload, signature, found := strings.Cut(rest, ".")
	switch more := strings.Count(signature, "."); {
	case more == 2:
		return compact{}, refuse(ErrMalformed, "encrypted tokens (JWE) are not accepted")
	case !found, more > 0:
		return compact{}, refuse(ErrMalformed, "not three segments")
	case header == "", payload == "":
		return compact{}, refuse(ErrMalformed, "empty segment")
	}
	signingInput := token[:len(header)+len(".")+len(payload)]
	return compact{signingInput: signingInput, header: header, payload: payload, signature: signature}, nil
}

// decodeText returns what a segment stands for, and allocates nothing but that unless it is
// longer than those of most tokens.
func decodeText(name, segment string) (string, error) {
	var buffer [1 << 10]byte
	text, err := decodeSegment(buffer[:0], name, segment)
	return string(text), err
}

// decodeSegment decodes strict base64url without padding (RFC 7515 section 2), and appends
// it to dst.
func decodeSegment(dst []byte, name, segment string) ([]byte, error) {
	decoded, err := strictBase64.AppendDecode(dst, []byte(segment))
	// The decoder skips line breaks, which no base64url has.
	if err != nil || strings.IndexByte(segment, '\n') >= 0 || strings.IndexByte(segment, '\r') >= 0 {
		return nil, refuse(ErrMalformed, name+": not base64url")
	}
	return decoded, nil
}

// maxKeyIDBytes is the longest kid that we look up.
const maxKeyIDBytes = 256

// A header is the part of a JOSE header that we act on.
type header struct {
	alg, kid, typ string // typ is normalised; empty if absent
}

// parseHeader reads a JOSE header (RFC 7515 section 4). Members that name or hold keys
// (jwk, jku, x5u, x5c) are ignored like any unknown one: keys come from the issuer alone
// (RFC 8725 section 3.10).
func parseHeader(document string) (header, error) {
	var h header
	err := readObject(document, func(m member) error {
		name, err := unquote(m.name.of(document))
		if err != nil {
			return err
		}
		return h.read(name, m.value.of(document))
	})
	if err != nil {
		return header{}, malformed("header", err)
	}
	switch {
	case h.alg == "":
		return header{}, refuse(ErrMalformed, "header: alg is missing")
	case strings.EqualFold(h.alg, "none"):
		return header{}, refuse(ErrAlgorithm, "the token is not signed")
	}
	return h, nil
}

var (
	errCritical = errors.New("extensions that must be understood are not supported") // RFC 7515 section 4.1.11
	errB64      = errors.New("not for JWTs")                                         // RFC 7797 section 7
	errTooLong  = errors.New("longer than 256 bytes")
)

func (h *header) read(name, value string) (err error) {
	switch name {
	case "alg":
		h.alg, err = unquote(value)
	case "kid":
		h.kid, err = unquote(value)
		if len(h.kid) > maxKeyIDBytes {
			err = errTooLong
		}
	case "typ":
		h.typ, err = unquote(value)
		h.typ = mediaType(h.typ)
	case "crit":
		err = errCritical
	case "b64":
		err = errB64
	}
	if err != nil {
		return &memberError{strings.Clone(name), err}
	}
	return nil
}

// mediaType brings a typ to one spelling: media types do not distinguish case, and
// application/ may be left out (RFC 7515 section 4.1.9). It folds ASCII alone: Unicode
// folds other letters onto ours.
func mediaType(typ string) string {
	lower := strings.Map(func(r rune) rune {
		if 'A' <= r && r <= 'Z' {
			return r + 'a' - 'A'
		}
		return r
	}, typ)
	if short, ok := strings.CutPrefix(lower, "application/"); ok && short != "" {
		return short // never empty: that stands for a token without typ
	}
	return lower
}
