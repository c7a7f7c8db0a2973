package keyset

import (
	"encoding/base64"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A key is the same key in two documents if it has the same thumbprint. These thumbprints are from
// RFC 7638 section 3.1 (September 2015) and RFC 8037 appendix A.3 (January 2017).
func TestPublishedThumbprints(t *testing.T) {
	for _, tt := range []struct{ source, jwk, thumbprint string }{
		{
			"RFC 7638 section 3.1",
			`{"kty":"RSA","n":"0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw","e":"AQAB","alg":"RS256","kid":"2011-04-29"}`,
			"NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs",
		},
		{
			"RFC 8037 appendix A.3",
			`{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}`,
			"kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k",
		},
	} {
		set, err := Parse([]byte(`{"keys":[`+tt.jwk+`]}`), nil)
		require.NoError(t, err, tt.source)
		require.Len(t, set.entries, 1, tt.source)
		material := set.entries[0].id.material
		assert.Equal(t, tt.thumbprint, base64.RawURLEncoding.EncodeToString(material[:]), tt.source)
	}
}
