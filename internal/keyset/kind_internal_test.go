package keyset

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// looksTests are documents that people configure in place of a JWK Set. "secret" in them must not
// get into an error.
var looksTests = map[string]struct{ document, looks string }{
	"a discovery document": {
		`{"issuer":"https://secret.example","jwks_uri":"https://secret.example/keys","id_token_signing_alg_values_supported":["RS256"]}`,
		LooksLikeMetadata,
	},
	"one without an issuer":        {`{"jwks_uri":"https://secret.example/keys"}`, LooksLikeMetadata},
	"one without a jwks_uri":       {`{"issuer":"https://secret.example","authorization_endpoint":"https://"}`, LooksLikeMetadata},
	"a key":                        {`{` + rsaMembers + `}`, LooksLikeKey},
	"a key of Entra ID":            {`{` + rsaMembers + `,"issuer":"https://secret.example"}`, LooksLikeKey},
	"the keys in an array":         {`[{` + rsaMembers + `}]`, LooksLikeArray},
	"Google's certificates":        {`{"secret":"-----BEGIN CERTIFICATE-----\nsecret","b":"-----BEGIN CERTIFICATE-----\n"}`, LooksLikeCerts},
	"Keycloak's realm":             {`{"realm":"secret","public_key":"secret","token-service":"https://"}`, LooksLikeRealm},
	"an error of OAuth":            {`{"error":"secret","error_description":"secret"}`, LooksLikeError},
	"a certificate":                {"-----BEGIN CERTIFICATE-----\nsecret", LooksLikePEM},
	"a public key":                 {"\n-----BEGIN PUBLIC KEY-----\nsecret", LooksLikePEM},
	"a page":                       {"<!DOCTYPE html>\n<title>secret</title>", LooksLikeHTML},
	"a page without a doctype":     {" \n<html><body>secret", LooksLikeHTML},
	"a page in XHTML":              {`<?xml version="1.0"?><!DOCTYPE html><HTML xmlns="">secret`, LooksLikeHTML},
	"metadata of SAML":             {`<?xml version="1.0"?><md:EntityDescriptor entityID="secret">`, LooksLikeXML},
	"a token":                      {"eyJhbGciOiJub25lIn0.e30.secret", LooksLikeJWT},
	"a token in quotes":            {`"eyJhbGciOiJub25lIn0.e30.secret"` + "\n", LooksLikeJWT},
	"an encrypted token":           {"eyJhbGciOiJub25lIn0.....", ""}, // six segments
	"a token of five segments":     {"eyJhbGciOiJub25lIn0.a.b.c.d", LooksLikeJWT},
	"nothing":                      {"", LooksEmpty},
	"nothing but a mark and space": {"\ufeff \r\n", LooksEmpty},
	"a compressed set":             {"\x1f\x8b\x08\x00secret", LooksCompressed},
	"an empty object":              {`{}`, ""},
	"another object":               {`{"secret":"secret"}`, ""},
	"members in another case":      {`{"Keys":[],"Issuer":"x"}`, ""},
	"a text":                       {"secret", ""},
	"half an object":               {`{"issuer":"secret`, LooksLikeMetadata},
	"a JWK Set":                    {string(jwkset(rsaMembers)), LooksLikeSet},
}

func TestD6DocumentOfAnotherKindIsNamed(t *testing.T) {
	for name, tt := range looksTests {
		t.Run(name, func(t *testing.T) {
			assert.Equal(t, tt.looks, LooksLike([]byte(tt.document)))
			set, err := Parse([]byte(tt.document), nil)
			if tt.looks == LooksLikeSet {
				require.NoError(t, err)
				return
			}
			require.Error(t, err)
			assert.Nil(t, set)
			assert.NotContains(t, err.Error(), "secret")
			if tt.looks != "" && !strings.HasPrefix(name, "half") {
				assert.EqualError(t, err, "jwks: not a JWK Set: "+tt.looks)
			}
		})
	}
	for _, document := range []string{`{}`, `{"secret":1}`, `{"Keys":[]}`} {
		_, err := Parse([]byte(document), nil)
		require.EqualError(t, err, "jwks: not a JWK Set: no member keys")
	}
	_, err := Parse([]byte("secret"), nil)
	require.EqualError(t, err, "jwks: not a JWK Set: not a JSON object")
	_, err = Parse([]byte("\ufeff\ufeff"+`{"keys":[]}`), nil)
	require.EqualError(t, err, "jwks: not a JWK Set: not a JSON object", "and not that it looks like a JWK Set")
}

// Whatever the document is, the hint is one of the fixed texts.
func FuzzLooksLike(f *testing.F) {
	known := map[string]bool{"": true}
	for _, tt := range looksTests {
		f.Add([]byte(tt.document))
		known[tt.looks] = true
	}
	f.Fuzz(func(t *testing.T, document []byte) {
		assert.True(t, known[LooksLike(document)])
	})
}
