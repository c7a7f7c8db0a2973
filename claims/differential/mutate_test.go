package differential_test

import (
	"math/big"
	"slices"
	"strconv"
	"strings"
)

// headerNames is the number of hostileNames that have a meaning in a header. They come first.
const headerNames = 14

// The names and values that the mutator puts into documents.
var (
	hostileNames = []string{
		`"alg"`, `"kid"`, `"typ"`, `"cty"`, `"crit"`, `"b64"`, `"jwk"`, `"jku"`, `"x5c"`, `"x5u"`, `"x5t"`, `"nonce"`, `"zip"`, `"enc"`,
		`"iss"`, `"sub"`, `"aud"`, `"exp"`, `"nbf"`, `"iat"`, `"jti"`, `"scope"`, `"scp"`, `"client_id"`, `"azp"`, `"cid"`, `"appid"`,
		`"cnf"`, `"at_hash"`, `"c_hash"`, `"s_hash"`, `"events"`, `"token_use"`, `"x"`, `""`, `"\u0000"`, `"__proto__"`,
	}
	hostileValues = []string{
		`null`, `true`, `false`, `0`, `-0`, `1`, `-1`, `0.5`, `1e400`, `-1e400`, `1e19`, `1e300`, `9223372036854775807`,
		`9223372036854775808`, `18446744073709551617`, `253402300799`, `253402300800`, `1.9e9`, `1E2`, `1e-400`,
		`""`, `"a"`, `"A"`, `"\u0061"`, `"\ud800"`, `"\ud83d\ude00"`, `"a\u0000"`, "\"\xff\"", "\"\u2028\"", `"none"`, `"nOnE"`, `"HS256"`, `"RS256"`,
		`"RS384"`, `"PS256"`, `"PS512"`, `"ES256"`, `"ES384"`, `"EdDSA"`, `"eddsa"`, `"EdDSA "`, `"Ed25519"`, `"Ed448"`, `"k1"`, `"ec"`, `"rsa"`, `"K1"`,
		`"../../dev/null"`, `"JWT"`, `"jwt"`, `"at+jwt"`, `"AT+JWT"`, `"application/at+jwt"`, `"dpop+jwt"`, `"logout+jwt"`,
		`"` + issuerURL + `"`, `"https:\/\/issuer.example\/"`, `"https://issuer.example"`, `"https://ISSUER.example/"`,
		`"` + audience + `"`, `"` + audience + `/"`, `"x ` + audience + `"`,
		`[]`, `[null]`, `[1]`, `[[]]`, `["a"]`, `["` + audience + `"]`, `["x","` + audience + `"]`, `["` + audience + `",1]`, `[null,"` + audience + `"]`,
		`{}`, `{"a":1}`, `{"a":1,"a":2}`, `{"jkt":"x"}`, `{"jkt":1}`, `{"kty":"oct","k":"AA"}`, `{"kty":"RSA","e":"AQAB","n":"AA"}`,
		`["b64"]`, `["exp"]`, `["AA=="]`, `"1893557045"`, `"http://127.0.0.1/"`, ``, `NaN`, `01`, `+1`, `.5`, `1.`, `'a'`, `"a`, `[`, `{`, `{"a"}`, `tru`,
		relative(0), relative(-4), relative(-5), relative(-6), relative(4), relative(5), relative(6), relative(3600), relative(-3600),
		relative(-5) + ".5", relative(-4) + ".5", relative(5) + ".5", relative(4) + ".5", relative(0) + ".999999999", relative(0) + "e0",
	}
)

func relative(offset int64) string { return strconv.FormatInt(now.Unix()+offset, 10) }

// signerShares are indexes of signers. Slow signers have fewer entries.
var signerShares = []int{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 3}

// A draft is a token that is not yet signed.
type draft struct {
	documents [2]document // header and payload
	prefix    [2]string
	suffix    [2]string
	signer    int
	before    []func(segments []string) // on header and payload, before they are signed
	after     []func(token string) string
}

// A program is a list of instructions of four bytes. It is easy to mutate: any bytes are a valid
// program, and changing a few bytes changes a few steps.
type program []byte

const instruction = 4

// token runs the program on the documents of a good token, and signs the result.
func (p program) token() string {
	d := &draft{}
	if len(p) > 0 {
		d.signer = pick(signerShares, p[0])
	}
	s := signers[d.signer]
	d.documents = [2]document{goodHeader(s.alg, s.kid), goodPayload()}
	for len(p) > instruction {
		d.step(p[1], p[2], p[3], p[4])
		p = p[instruction:]
	}
	return d.render()
}

func (d *draft) render() string {
	segments := make([]string, 2)
	for i := range segments {
		segments[i] = encode([]byte(d.prefix[i] + d.documents[i].String() + d.suffix[i]))
	}
	for _, change := range d.before {
		change(segments)
	}
	token := signed(d.signer, segments[0], segments[1])
	for _, change := range d.after {
		token = change(token)
	}
	return token
}

// pick returns the element of list that b selects.
func pick[T any](list []T, b byte) T { return list[int(b)%len(list)] }

// step executes one instruction. The lowest bit of op selects the document.
func (d *draft) step(op, a, b, c byte) {
	i := int(op & 1)
	doc := &d.documents[i]
	switch op >> 1 % 16 {
	case 0, 1, 2:
		*doc = doc.set(pick(hostileNames, a), pick(hostileValues, b))
	case 3:
		*doc = append(document{{pick(hostileNames, a), pick(hostileValues, b)}}, *doc...)
	case 4:
		*doc = append(*doc, member{pick(hostileNames, a), pick(hostileValues, b)})
	default:
		if len(*doc) > 0 {
			d.change(op>>1%16, i, int(a)%len(*doc), b, c)
		}
	}
}

// change executes the instructions on an existing member, and those on the whole text.
func (d *draft) change(op byte, i, at int, b, c byte) {
	doc := &d.documents[i]
	m := &(*doc)[at]
	switch op {
	case 5:
		m.value = pick(hostileValues, b)
	case 6:
		*doc = append(*doc, member{m.name, pick(hostileValues, b)})
	case 7:
		*doc = slices.Delete(*doc, at, at+1)
	case 8:
		m.name = respell(m.name, b, c)
	case 9:
		m.value = respell(m.value, b, c)
	case 10:
		m.value = pick([]string{"[" + m.value + "]", `{"a":` + m.value + "}", " " + m.value, m.value + "\n", strings.Repeat("[", int(c)) + m.value + strings.Repeat("]", int(c))}, b)
	case 11:
		d.prefix[i] = pick([]string{"", " ", "\n", "\ufeff", "\x00", "[", "x"}, b)
	case 12:
		d.suffix[i] = pick([]string{"", " ", "\r\n", "\x00", "{}", "]", "]}x", "//"}, b)
	case 13:
		d.signer = pick(signerShares, b)
	case 14:
		d.before = append(d.before, func(segments []string) { segments[i] = respellSegment(segments[i], b, c) })
	case 15:
		d.after = append(d.after, func(token string) string { return damage(token, b, c) })
	}
}

// respell changes one character of a JSON text: into an escape, into the other case, or into a
// letter that folds onto it, among others.
func respell(text string, how, where byte) string {
	if len(text) < 3 {
		return text
	}
	at := 1 + int(where)%(len(text)-2)
	letter := text[at : at+1]
	var other string
	switch how % 6 {
	case 0:
		other = strings.ToUpper(letter)
	case 1:
		other = `\u00` + hex2(text[at])
	case 2:
		other = strings.NewReplacer("s", "\u017f", "k", "\u212a", "i", "\u0131").Replace(letter)
	case 3:
		other = ""
	case 4:
		other = letter + letter
	case 5:
		other = string(rune(how))
	}
	return text[:at] + other + text[at+1:]
}

func hex2(b byte) string {
	const digits = "0123456789abcdef"
	return string([]byte{digits[b>>4], digits[b&15]})
}

// respellSegment changes a base64url text. A lax decoder decodes some of the results to the same
// bytes.
func respellSegment(segment string, how, where byte) string {
	at := int(where) % (len(segment) + 1)
	switch how % 7 {
	case 0:
		return segment + "="
	case 1:
		return segment[:at] + "\n" + segment[at:]
	case 2:
		return segment[:at] + "\r" + segment[at:]
	case 3:
		return trailingBits(segment)
	case 4:
		return segment[:at] + " " + segment[at:]
	case 5:
		return strings.NewReplacer("-", "+", "_", "/").Replace(segment)
	}
	return segment[:at]
}

// trailingBits changes the bits of the last character that belong to no byte.
func trailingBits(segment string) string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	last := len(segment) - 1
	if len(segment)%4 < 2 || strings.IndexByte(alphabet, segment[last]) < 0 {
		return segment
	}
	return segment[:last] + string(alphabet[strings.IndexByte(alphabet, segment[last])^1])
}

// damage changes a signed token.
func damage(token string, how, where byte) string {
	at := int(where) * len(token) / 256
	dot := strings.LastIndexByte(token, '.')
	switch how % 12 {
	case 0:
		return token[:at] + string(rune('A'+how%26)) + token[min(at+1, len(token)):]
	case 1:
		return token[:at]
	case 2:
		return token[:at] + token[min(at+1, len(token)):]
	case 3:
		return token + "A"
	case 4:
		return token + "."
	case 5:
		return "." + token
	case 6:
		return token[:dot+1]
	case 7:
		return token[:dot+1] + respellSegment(token[dot+1:], how/12, where)
	case 8:
		return token[:dot+1] + encode(make([]byte, 64))
	case 9:
		return otherSOf(token)
	case 10:
		return " " + token
	}
	return token + "\n"
}

// otherSOf returns token with the other valid form of its ECDSA signature.
func otherSOf(token string) string {
	dot := strings.LastIndexByte(token, '.')
	return token[:dot+1] + otherS(token[dot+1:])
}

// otherS replaces s of an ECDSA signature with its negative, which is also valid: RFC 7518
// section 3.4 does not choose between them.
func otherS(segment string) string {
	signature, ok := decode(segment)
	if !ok || len(signature) != 64 {
		return segment
	}
	n := ecKey().Params().N
	s := new(big.Int).Sub(n, new(big.Int).SetBytes(signature[32:]))
	if s.Sign() <= 0 {
		return segment
	}
	return encode(append(signature[:32:32], s.FillBytes(make([]byte, 32))...))
}
