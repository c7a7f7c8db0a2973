package providers_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/claims"
	"github.com/bearerguard/bearerguard/claims/providers"
)

const (
	accessTag = "32eafc7626e974616deaf0dc3ce63d7bcbed58a2731e84d06bc3cdf1b53c4228"
	iapTarget = "/projects/1234567890/global/backendServices/9876543210"
)

func TestFSamplesOfGateways(t *testing.T) {
	access, iap := providers.CloudflareAccess("acme", accessTag), providers.GoogleIAP(iapTarget)
	for _, tt := range []struct {
		file, alg string
		issuer    claims.Issuer
		misses    []nearMiss
	}{
		{"cloudflare.json", "RS256", access, []nearMiss{
			{`"app"`, `"org"`, claims.ErrMissingClaim},
			{`"type":"app",`, ``, claims.ErrMissingClaim},
			{`acme.`, `evil.`, claims.ErrIssuer},
			{accessTag, strings.Repeat("0", 64), claims.ErrAudience},
			{`"sub":"7335d417-61da-459d-899c-0a01c76a2f94"`, `"sub":""`, claims.ErrMissingClaim},
			{`1893557000`, `1893657000`, claims.ErrMissingClaim},
		}},
		{"cloudflare-service.json", "RS256", access, []nearMiss{
			{`"common_name":"e367826f93b8d71185e03fe518aff3b4.access",`, ``, claims.ErrMissingClaim},
		}},
		{"google-iap.json", "ES256", iap, []nearMiss{
			{`backendServices/9876543210`, `backendServices/1`, claims.ErrAudience},
			{`https://cloud.google.com/iap`, `https://accounts.google.com`, claims.ErrIssuer},
			{`"accounts.google.com:112233445566778899001"`, `""`, claims.ErrMissingClaim},
			{`1893554000`, `1893564000`, claims.ErrMissingClaim},
		}},
	} {
		t.Run(tt.file, func(t *testing.T) {
			text, err := os.ReadFile(filepath.Join("testdata", tt.file))
			require.NoError(t, err)
			header := `{"alg":"` + tt.alg + `","kid":"k1","typ":"JWT"}`
			tt.issuer.JWKSURL = ""
			v := newVerifier(t, tt.issuer)
			_, err = v.Verify(t.Context(), sign(header, string(text)))
			require.NoError(t, err)
			for _, miss := range tt.misses {
				changed := strings.Replace(string(text), miss.from, miss.to, 1)
				require.NotEqual(t, string(text), changed, miss.from)
				_, err := v.Verify(t.Context(), sign(header, changed))
				requireReason(t, miss.want, err)
			}
			_, err = v.Verify(t.Context(), sign(`{"alg":"PS256","kid":"k1"}`, string(text)))
			requireReason(t, claims.ErrAlgorithm, err)
		})
	}
}

func TestGatewayMistakes(t *testing.T) {
	for want, issuer := range map[string]claims.Issuer{
		"the team must be a name":                  providers.CloudflareAccess("https://acme.cloudflareaccess.com", accessTag),
		"the audience must be the AUD tag":         providers.CloudflareAccess("acme", "https://app.example.com"),
		"the audience must begin with /projects/":  providers.GoogleIAP("https://app.example.com"),
		"/projects/ and the number of the project": providers.GoogleIAP("/projects/name/global/backendServices/1"),
		"as in NAME.cloudflareaccess.com":          providers.CloudflareAccess("acme.evil", accessTag),
		"Audiences has an empty value":             providers.GoogleIAP(""),
	} {
		requireMistake(t, want, issuer)
	}
	assert.Equal(t, "https://acme.cloudflareaccess.com/cdn-cgi/access/certs", providers.CloudflareAccess("acme", accessTag).JWKSURL)
}

// The backend service of a regional load balancer has its region where others have global.
func TestAudiencesOfIAP(t *testing.T) {
	for _, audience := range []string{iapTarget, "/projects/1/europe-west1/backendServices/2", "/projects/1/locations/us-central1/services/my-api", "/projects/1/apps/my-project"} {
		assert.Empty(t, mistake(providers.GoogleIAP(audience)), audience)
	}
	for _, audience := range []string{"/projects/1/global/backendServices/", "/projects/1/global/backendServices/*", "/projects/1", "projects/1/apps/p", "/projects/1/a/b/backendServices/2"} {
		assert.Contains(t, mistake(providers.GoogleIAP(audience)), "the audience must", audience)
	}
}
