package keyset_test

import (
	"encoding/hex"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/bearerguard/bearerguard/internal/keyset"
)

// Package jwks has the longer list, for its secrets.
func TestGuessableSecretIsRefused(t *testing.T) {
	jwk := `{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}`
	for _, tt := range []struct{ rule, value, reason string }{
		{"key material", jwk, "a key or a certificate, in PEM, DER, JWK or SSH form, is no secret"},
		{"encoded key material", hex.EncodeToString([]byte(jwk)), "a key or a certificate, as hex, base64, a list of numbers or a point, is no secret"},
		{"seven different bytes", strings.Repeat("changeme", 8), "secret has fewer than 8 different bytes: is a variable unset, or is it a placeholder?"},
		{"8 zeros behind", "correct horse battery" + strings.Repeat("\x00", 8), "secret ends with 8 or more zero bytes: is it a shorter one in an array?"},
	} {
		assert.EqualError(t, keyset.CheckSecret([]byte(tt.value)), tt.reason, tt.rule)
	}
	assert.NoError(t, keyset.CheckSecret([]byte("eight by7"+strings.Repeat("\x00", 7))))
}
