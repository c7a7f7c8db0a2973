package keyset

import (
	"bytes"
	"encoding/base64"
	"slices"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// Unusable says why a key is not used: a fixed text that is safe for logs.
type Unusable string

func (u Unusable) Error() string { return string(u) }

const (
	errMalformedKey  Unusable = "malformed"
	errPrivateKey    Unusable = "a private key"
	errSymmetricKey  Unusable = "a symmetric key"
	errKeyType       Unusable = "unsupported kty"
	errCurve         Unusable = "unsupported crv"
	errUse           Unusable = "use is not sig"
	errSVIDUse       Unusable = "use is jwt-svid: see SPIFFEBundle"
	errNotSVIDUse    Unusable = "use is not jwt-svid"
	errNoKeyID       Unusable = "kid is missing"
	errKeyOps        Unusable = "key_ops has no verify"
	errKeyOpsType    Unusable = "key_ops is not an array of strings"
	errLongKeyID     Unusable = "kid is longer than 256 bytes"
	errAlgorithm     Unusable = "unsupported alg"
	errWrongAlg      Unusable = "alg does not fit the key"
	errDuplicateName Unusable = "duplicate member"
	errNotAnObject   Unusable = "not a JSON object"
)

// attributes are what a JWK says of itself besides its material. keyOps is the sorted
// list as one comparable string, empty if the member is absent.
type attributes struct{ kid, alg, use, keyOps string }

func (m members) attributes() (a attributes, err error) {
	if a.kid, _, err = m.text("kid"); err != nil {
		return a, err
	}
	if err := CheckKeyID(a.kid); err != nil {
		return a, err
	}
	if a.use, err = m.use(); err != nil {
		return a, err
	}
	if m.bundle && a.kid == "" {
		return a, errNoKeyID
	}
	if a.keyOps, err = m.keyOps(); err != nil {
		return a, err
	}
	a.alg, err = m.algorithm()
	return a, err
}

// CheckKeyID returns an error for a kid of more than MaxKeyIDBytes.
func CheckKeyID(kid string) error {
	if len(kid) > MaxKeyIDBytes {
		return errLongKeyID
	}
	return nil
}

const svidUse = "jwt-svid"

// use must be sig or absent (RFC 7517 section 4.2), and jwt-svid in a SPIFFE bundle.
func (m members) use() (string, error) {
	use, present, err := m.text("use")
	switch {
	case err != nil:
	case m.bundle && use != svidUse:
		err = errNotSVIDUse
	case m.bundle:
	case use == svidUse:
		err = errSVIDUse
	case present && use != "sig":
		err = errUse
	}
	return use, err
}

// algorithm can be absent, but not empty (RFC 7517 section 4.4).
func (m members) algorithm() (string, error) {
	alg, present, err := m.text("alg")
	if err == nil && present && alg == "" {
		err = errAlgorithm
	}
	return alg, err
}

// keyOps must contain verify if it is present (RFC 7517 section 4.3).
func (m members) keyOps() (string, error) {
	raw, present := m.values["key_ops"]
	if !present {
		return "", nil
	}
	var values []jsontext.Value
	if raw.Kind() != '[' || json.Unmarshal(raw, &values) != nil {
		return "", errKeyOpsType
	}
	var ops []string
	for _, value := range values {
		if value.Kind() != '"' {
			return "", errKeyOpsType
		}
		op, err := jsontext.AppendUnquote(nil, value)
		if err != nil {
			return "", errMalformedKey
		}
		ops = append(ops, strconv.Quote(string(op)))
	}
	slices.Sort(ops)
	if !slices.Contains(ops, `"verify"`) {
		return "", errKeyOps
	}
	return strings.Join(slices.Compact(ops), ","), nil
}

// material rebuilds the JWK from its public members only, in canonical encoding. The JOSE
// library sees this document and nothing else of the issuer's bytes.
func (m members) material() ([]byte, error) {
	kty, err := m.required("kty")
	if err != nil {
		return nil, err
	}
	if kty == "oct" {
		return nil, errSymmetricKey
	}
	if m.private() {
		return nil, errPrivateKey
	}
	switch kty {
	case "RSA":
		return m.rsaMaterial()
	case "EC":
		return m.ecMaterial()
	case "OKP":
		return m.okpMaterial()
	case "AKP":
		return m.akpMaterial()
	}
	return nil, errKeyType
}

// private reports whether a private member of RFC 7518 section 6, RFC 8037 section 2 or RFC 9964
// section 3 is present, whatever its value. A published private key is compromised and must be replaced.
func (m members) private() bool {
	for _, name := range []string{"d", "p", "q", "dp", "dq", "qi", "oth", "k", "priv"} {
		if _, ok := m.values[name]; ok {
			return true
		}
	}
	return false
}

// rsaMaterial lets an issuer write leading zero octets, which RFC 7518 section 6.3.1.1
// mentions. It refuses an exponent that does not fit into an int.
func (m members) rsaMaterial() ([]byte, error) {
	n, err := m.octets("n")
	if err != nil {
		return nil, err
	}
	e, err := m.octets("e")
	if err != nil {
		return nil, err
	}
	if !m.lenient && (bytes.HasPrefix(n, []byte{0}) || bytes.HasPrefix(e, []byte{0})) {
		return nil, errLeadingZero
	}
	n, e = bytes.TrimLeft(n, "\x00"), bytes.TrimLeft(e, "\x00")
	if len(n) > maxRSABits/8 {
		return nil, errLongRSA
	}
	if len(e) > 4 {
		return nil, errRSAExponent
	}
	return minimalJWK("RSA", "", map[string][]byte{"n": n, "e": e})
}

func (m members) ecMaterial() ([]byte, error) {
	crv, err := m.required("crv")
	if err != nil {
		return nil, err
	}
	curve := curveByName(crv)
	if curve == nil {
		return nil, errCurve
	}
	x, err := m.coordinate("x", coordinateSize(curve))
	if err != nil {
		return nil, err
	}
	y, err := m.coordinate("y", coordinateSize(curve))
	if err != nil {
		return nil, err
	}
	return minimalJWK("EC", crv, map[string][]byte{"x": x, "y": y})
}

// coordinate returns a coordinate as wide as the curve (RFC 7518 section 6.2.1.2). The lenient
// reader also takes the number without its leading zeros, or with more of them: the number is
// the same, and a point whose coordinates were cut elsewhere is not on the curve.
func (m members) coordinate(name string, size int) ([]byte, error) {
	octets, err := m.octets(name)
	if err != nil {
		return nil, err
	}
	if m.lenient && len(octets) > 0 {
		octets = bytes.TrimLeft(octets, "\x00")
		octets = append(make([]byte, max(0, size-len(octets))), octets...)
	}
	if len(octets) != size {
		return nil, errCoordinate
	}
	return octets, nil
}

func (m members) okpMaterial() ([]byte, error) {
	crv, err := m.required("crv")
	if err != nil {
		return nil, err
	}
	if crv != "Ed25519" {
		return nil, errCurve
	}
	x, err := m.octets("x")
	if err != nil {
		return nil, err
	}
	return minimalJWK("OKP", crv, map[string][]byte{"x": x})
}

func minimalJWK(kty, crv string, octets map[string][]byte) ([]byte, error) {
	jwk := map[string]string{"kty": kty}
	if crv != "" {
		jwk["crv"] = crv
	}
	for name, value := range octets {
		jwk[name] = base64.RawURLEncoding.EncodeToString(value)
	}
	return json.Marshal(jwk)
}
