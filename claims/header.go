package claims

import (
	"errors"
	"strings"

	"github.com/bearerguard/bearerguard/internal/strict"
)

// maxKeyIDBytes is the length of the longest kid that is looked up.
const maxKeyIDBytes = 256

// A header holds the members of a JOSE header that the Verifier uses.
type header struct {
	alg, kid, typ string // typ in the spelling of mediaType; "" if absent
}

// parseHeader reads a JOSE header (RFC 7515 section 4). It ignores the members that name or
// hold keys (jwk, jku, x5u, x5c) like any unknown one: keys come only from the issuer (RFC
// 8725 section 3.10).
func parseHeader(document string) (header, error) {
	var h header
	if err := strict.Object(document, h.read); err != nil {
		return header{}, malformed("header", err)
	}
	if h.alg == "" {
		return header{}, refuse(ErrMalformed, "header: alg is missing")
	}
	return h, nil
}

var (
	errCritical = errors.New("critical extensions are not supported") // RFC 7515 section 4.1.11
	errB64      = errors.New("not for JWTs")                          // RFC 7797 section 7
	errTooLong  = errors.New("longer than 256 bytes")
)

func (h *header) read(name, value string) (err error) {
	switch name {
	case "alg":
		h.alg, err = strict.Unquote(value)
	case "kid":
		h.kid, err = strict.Unquote(value)
		if len(h.kid) > maxKeyIDBytes {
			err = errTooLong
		}
	case "typ":
		h.typ, err = strict.Unquote(value)
		h.typ = mediaType(h.typ)
	case "crit":
		err = errCritical
	case "b64":
		err = errB64
	}
	return ofMember(name, err)
}

// mediaType returns typ in lower case and without a leading "application/", unless another
// slash follows. Spellings that differ only in these are equal (RFC 7515 section 4.1.9). Only
// ASCII letters are folded, because Unicode folds other letters onto them.
func mediaType(typ string) string {
	lower := strings.Map(func(r rune) rune {
		if 'A' <= r && r <= 'Z' {
			return r + 'a' - 'A'
		}
		return r
	}, typ)
	if short, ok := strings.CutPrefix(lower, "application/"); ok && short != "" && !strings.Contains(short, "/") {
		return short // "" would mean that typ is absent
	}
	return lower
}
