package strict_test

import (
	"encoding/base64"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/internal/strict"
)

func TestCut(t *testing.T) {
	for _, tc := range []struct {
		rule, token string
		want        error
	}{
		{"three segments", "a.b.c", nil},
		{"a signature may be empty", "a.b.", nil},
		{"empty", "", strict.ErrSegments},
		{"one segment", "a", strict.ErrSegments},
		{"two segments", "a.b", strict.ErrSegments},
		{"four segments", "a.b.c.d", strict.ErrSegments},
		{"five segments are a JWE (RFC 7516 section 9)", "a.b.c.d.e", strict.ErrEncrypted},
		{"six segments", "a.b.c.d.e.f", strict.ErrSegments},
		{"only dots", "..", strict.ErrEmpty},
		{"an empty header", ".b.c", strict.ErrEmpty},
		{"an empty payload", "a..c", strict.ErrEmpty},
	} {
		t.Run(tc.rule, func(t *testing.T) {
			_, err := strict.Cut(tc.token)
			require.ErrorIs(t, err, tc.want)
		})
	}
	c, err := strict.Cut("he.pay.sig")
	require.NoError(t, err)
	assert.Equal(t, strict.Compact{SigningInput: "he.pay", Header: "he", Payload: "pay", Signature: "sig"}, c)
}

func TestDecode(t *testing.T) {
	for _, tc := range []struct {
		rule, segment, want string
		err                 error
	}{
		{"empty", "", "", nil},
		{"one byte", "YQ", "a", nil},
		{"both characters that the standard alphabet lacks", "_-8", "\xff\xef", nil},
		{"longer than the buffer", strings.Repeat("YWFh", 1000), strings.Repeat("a", 3000), nil},
		{"padding (RFC 7515 section 2)", "YQ==", "", strict.ErrBase64URL},
		{"the standard alphabet", "/+8", "", strict.ErrBase64URL},
		{"non-zero trailing bits (RFC 4648 section 3.5)", "YR", "", strict.ErrBase64URL},
		{"an impossible length", "YWFhY", "", strict.ErrBase64URL},
		{"a line break", "Y\nQ", "", strict.ErrBase64URL},
		{"a carriage return", "YQ\r", "", strict.ErrBase64URL},
		{"a space", "Y Q", "", strict.ErrBase64URL},
	} {
		t.Run(tc.rule, func(t *testing.T) {
			got, err := strict.Decode(tc.segment)
			require.ErrorIs(t, err, tc.err)
			assert.Equal(t, tc.want, got)
			appended, err := strict.AppendDecode([]byte("x"), tc.segment)
			require.ErrorIs(t, err, tc.err)
			if tc.err == nil {
				assert.Equal(t, "x"+tc.want, string(appended))
			} else {
				assert.Nil(t, appended)
			}
		})
	}
}

// FuzzCompact checks that Cut loses no bytes, and that Decode accepts one spelling of each segment.
func FuzzCompact(f *testing.F) {
	for _, seed := range []string{"YQ.YQ.YQ", "YQ.YQ.", "a.b.c.d.e", "YR.YQ.YQ", "Y\nQ.YQ.YQ", ".."} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, token string) {
		c, err := strict.Cut(token)
		if err != nil {
			return
		}
		if c.SigningInput+"."+c.Signature != token || c.Header+"."+c.Payload != c.SigningInput {
			t.Fatalf("%q was cut into %+v", token, c)
		}
		for _, segment := range []string{c.Header, c.Payload, c.Signature} {
			decoded, err := strict.Decode(segment)
			if err == nil && base64.RawURLEncoding.EncodeToString([]byte(decoded)) != segment {
				t.Fatalf("accepted %q for %q", segment, decoded)
			}
		}
	})
}
