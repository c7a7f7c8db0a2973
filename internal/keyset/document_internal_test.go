package keyset

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestDocumentThatIsNotAKeySetIsRefused(t *testing.T) {
	good := string(jwkset(ed25519Members))
	deep := strings.Repeat(`[`, 20_000) + strings.Repeat(`]`, 20_000)
	for rule, document := range map[string]string{
		"empty":                                "",
		"white space":                          " \n",
		"null":                                 "null",
		"array":                                "[" + good + "]",
		"string":                               `"keys"`,
		"number":                               "1",
		"HTML":                                 "<!doctype html><title>503</title>",
		"no keys":                              "{}",
		"one JWK":                              "{" + ed25519Members + "}",
		"keys is null":                         `{"keys":null}`,
		"keys is an object":                    `{"keys":{` + ed25519Members + `}}`,
		"keys is a string":                     `{"keys":"[]"}`,
		"Keys in another case":                 strings.Replace(good, "keys", "Keys", 1),
		"keys with a long s":                   strings.Replace(good, "keys", "key\u017f", 1),
		"duplicate keys":                       `{"keys":[],` + good[1:],
		"duplicate keys, one spelled with \\u": `{"\u006beys":[],` + good[1:],
		"duplicate unknown member":             `{"a":1,"a":1,` + good[1:],
		"second object":                        good + good,
		"bytes after it":                       good + "x",
		"NUL after it":                         good + "\x00",
		"two byte order marks":                 "\ufeff\ufeff" + good,
		"byte order mark after it":             good + "\ufeff",
		"byte order mark only":                 "\ufeff",
		"UTF-16":                               "{\x00\"\x00k\x00e\x00y\x00s\x00\"\x00:\x00[\x00]\x00}\x00",
		"comment":                              `{/**/` + good[1:],
		"trailing comma":                       strings.Replace(good, "}]", "},]", 1),
		"nested too deep in keys":              `{"keys":[` + deep + `]}`,
		"nested too deep in an unknown member": `{"x":` + deep + `,` + good[1:],
		"syntax error in a key":                `{"keys":[{"kty":}]}`,
		"syntax error after keys":              strings.TrimSuffix(good, "}") + `,"x":}`,
		"syntax error before keys":             `{"x":tru,` + good[1:],
		"number as a name":                     `{1:2,` + good[1:],
		"unterminated array":                   strings.TrimSuffix(good, "]}"),
		"control character in a string value":  `{"x":"` + "\n" + `",` + good[1:],
	} {
		set, err := Parse([]byte(document), nil)
		assert.Error(t, err, rule)
		assert.NotErrorIs(t, err, ErrNoUsableKey, rule)
		assert.Nil(t, set, rule)
	}
}

// RFC 8259 section 8.1 lets a reader ignore the mark.
func TestByteOrderMarkIsIgnored(t *testing.T) {
	good := string(jwkset(ed25519Members))
	want, err := Parse([]byte(good), nil)
	require.NoError(t, err)
	for _, prefix := range []string{"\ufeff", "\ufeff \n"} {
		set, err := Parse([]byte(prefix+good), want)
		require.NoError(t, err)
		assert.Equal(t, 1, set.Len())
		assert.Empty(t, set.Beyond(want), "the same key, unchanged")
	}
}

// A truncated document must not pass as a smaller one.
func TestTruncatedDocumentIsRefused(t *testing.T) {
	document := jwkset(ed25519Members+`,"kid":"a"`, p256Members+`,"kid":"b","x5c":["AA=="]`)
	for length := range document {
		set, err := Parse(document[:length], nil)
		require.Error(t, err, "%d bytes", length)
		require.Nil(t, set, "%d bytes", length)
	}
}

func TestErrorsDoNotQuoteTheDocument(t *testing.T) {
	for _, document := range []string{
		`{"secret-secret":}`, `secret-secret`, `{"keys":[{"secret-secret":tru}]}`, `{"keys":[]} secret-secret`,
		`{"secret-secret":1,"secret-secret":2}`, `{"keys":"secret-secret"}`,
		`{"keys":[{"kty":"secret-secret","kid":"a"}]}`, `{"keys":[{"kty":"RSA","n":"secret secret","e":"AQAB"}]}`,
	} {
		set, err := Parse([]byte(document), nil)
		require.Error(t, err)
		assert.NotContains(t, err.Error(), "secret", document)
		for _, skip := range set.Skipped() {
			assert.NotContains(t, skip.Reason, "secret", document)
		}
	}
}

func TestDocumentIsBounded(t *testing.T) {
	full := func(n int) []byte {
		return fmt.Appendf(nil, "%*s", n, jwkset(ed25519Members))
	}
	_, err := Parse(full(512<<10), nil)
	require.NoError(t, err, "512 KiB")
	_, err = Parse(full(512<<10+1), nil)
	require.EqualError(t, err, "jwks: key set is longer than 524288 bytes")

	keys := make([]string, 256)
	for i := range keys {
		keys[i] = fmt.Sprintf(`%s,"kid":"%d"`, ed25519Members, i)
	}
	set, err := Parse(jwkset(keys...), nil)
	require.NoError(t, err, "256 keys")
	assert.Equal(t, 256, set.Len())
	_, err = Parse(jwkset(append(keys, `"kty":"unknown"`)...), nil)
	require.EqualError(t, err, "jwks: not a JWK Set: more than 256 keys")
	_, err = Parse([]byte(`{"keys":[`+strings.Repeat("0,", 100_000)+"0]}"), nil)
	require.EqualError(t, err, "jwks: not a JWK Set: more than 256 keys")
}

func TestUnknownMembersAreIgnored(t *testing.T) {
	set, err := Parse([]byte(`{"issuer":{"a":[1,{"b":null,"b":2}]},"":1,"keys":[{`+p256Members+
		`,"kid":"a","x5t":1,"x5c":[null,"AA"],"x5u":{},"issuer":[],"KID":"b","Use":"enc","D":"AA","alg ":1,"exp":0}],"x":1e400}`), nil)
	require.NoError(t, err)
	assert.Equal(t, []string{"a"}, set.KeyIDs())
	assert.Empty(t, set.Skipped())
}
