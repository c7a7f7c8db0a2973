package dpop

import (
	"errors"
	"time"

	"github.com/bearerguard/bearerguard/internal/strict"
)

// maxIDBytes is the length of the longest jti that is accepted.
const maxIDBytes = 256

// A payload is what a proof claims (RFC 9449 section 4.2). Its other claims are ignored.
type payload struct {
	jti, htm, htu, ath, nonce text
	iat                       time.Time // zero if absent
}

// A text is a claim that is a string.
type text struct {
	value   string
	present bool
}

func (t *text) read(value string) (err error) {
	t.present = true
	t.value, err = strict.Unquote(value)
	return err
}

// readPayload makes check 3 of RFC 9449 section 4.3.
func readPayload(segment string) (payload, *Error) {
	var p payload
	document, err := strict.Decode(segment)
	if err == nil {
		err = strict.Object(document, p.read)
	}
	if err == nil {
		err = p.check()
	}
	if err != nil {
		return payload{}, invalidProof("claims: " + err.Error())
	}
	return p, nil
}

func (p *payload) read(name, value string) (err error) {
	switch name {
	case "jti":
		err = p.jti.read(value)
	case "htm":
		err = p.htm.read(value)
	case "htu":
		err = p.htu.read(value)
	case "ath":
		err = p.ath.read(value)
	case "nonce":
		err = p.nonce.read(value)
	case "iat":
		p.iat, err = strict.NumericDate(value)
	}
	return ofMember(name, err)
}

var (
	errNoID    = errors.New("jti is missing")
	errIDBytes = errors.New("jti is empty or longer than 256 bytes")
	errNoHTM   = errors.New("htm is missing")
	errNoHTU   = errors.New("htu is missing")
	errNoIAT   = errors.New("iat is missing")
	errNoATH   = errors.New("ath is missing")
)

func (p *payload) check() error {
	switch {
	case !p.jti.present:
		return errNoID
	case p.jti.value == "" || len(p.jti.value) > maxIDBytes:
		return errIDBytes
	case !p.htm.present:
		return errNoHTM
	case !p.htu.present:
		return errNoHTU
	case p.iat.IsZero():
		return errNoIAT
	case !p.ath.present:
		return errNoATH
	}
	return nil
}
