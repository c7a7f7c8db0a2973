package dpop

import (
	"encoding/base64"
	"errors"
	"slices"

	"github.com/bearerguard/bearerguard/claims"
	"github.com/bearerguard/bearerguard/internal/keyset"
	"github.com/bearerguard/bearerguard/internal/strict"
)

// A header is what the JOSE header of a proof says: the client's key. It is immutable.
type header struct {
	key        claims.Key // for the alg of the header
	thumbprint keyset.Thumbprint
	jkt        string // the thumbprint in base64url
}

// header returns the header of a proof, from the memory if a token with this jkt came with it
// before.
func (c *Checker) header(segment, jkt string) (*header, *Error) {
	if h := c.headers.get(segment, jkt); h != nil {
		return h, nil
	}
	document, err := strict.Decode(segment)
	if err != nil {
		return nil, invalidProof("header: " + err.Error())
	}
	var m headerMembers
	if err := strict.Object(document, m.read); err != nil {
		return nil, invalidProof("header: " + err.Error())
	}
	if problem := c.check(m); problem != "" {
		return nil, invalidProof("header: " + problem)
	}
	key, thumbprint, err := keyset.ParseProofKey([]byte(m.jwk), m.alg)
	if err != nil {
		return nil, invalidProof("header: jwk: " + err.Error())
	}
	return &header{key: key, thumbprint: thumbprint, jkt: base64.RawURLEncoding.EncodeToString(thumbprint[:])}, nil
}

// headerMembers are the members that decide. jku, x5u, x5c and kid name or hold keys as well,
// and are ignored: the key of a proof is its jwk.
type headerMembers struct {
	typ, alg string
	jwk      string // JSON text
}

var (
	errCritical = errors.New("critical extensions are not supported") // RFC 7515 section 4.1.11
	errB64      = errors.New("not for JWTs")                          // RFC 7797 section 7
)

func (m *headerMembers) read(name, value string) (err error) {
	switch name {
	case "typ":
		m.typ, err = strict.Unquote(value)
	case "alg":
		m.alg, err = strict.Unquote(value)
	case "jwk":
		m.jwk = value
	case "crit":
		err = errCritical
	case "b64":
		err = errB64
	}
	return ofMember(name, err)
}

// ofMember adds the name of a member that this package knows.
func ofMember(name string, err error) error {
	if err != nil {
		return errors.New(name + ": " + err.Error())
	}
	return nil
}

// check makes the checks 4 and 5 of RFC 9449 section 4.3, and returns what is wrong.
func (c *Checker) check(m headerMembers) string {
	switch {
	case m.typ != "dpop+jwt":
		return "typ is not dpop+jwt"
	case !slices.Contains(c.algorithms, m.alg):
		return "alg is not one of Config.Algorithms"
	case m.jwk == "":
		return "jwk is missing"
	}
	return ""
}

// verify makes check 6 of RFC 9449 section 4.3.
func (h *header) verify(parts strict.Compact) *Error {
	signature, err := strict.AppendDecode(nil, parts.Signature)
	if err != nil {
		return invalidProof("signature: " + err.Error())
	}
	if h.key.Verify([]byte(parts.SigningInput), signature) != nil {
		return invalidProof("the signature is not that of the jwk")
	}
	return nil
}
