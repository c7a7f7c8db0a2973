//go:build unix

package interop_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The challenges of refused tokens, with the reason in each (RFC 6750 section 3).
const (
	invalidToken  = `error="invalid_token", error_description="`
	malformed     = invalidToken + "The access token is malformed"
	badAlgorithm  = invalidToken + "The access token is signed with an algorithm that is not accepted"
	badType       = invalidToken + "The token is not an access token of the expected type"
	otherIssuer   = invalidToken + "The access token is from another issuer"
	wrongAudience = invalidToken + "The access token is for another audience"
	expired       = invalidToken + "The access token expired"
	unknownKey    = invalidToken + "The access token is signed with an unknown key"
	badSignature  = invalidToken + "The access token has an invalid signature"
	boundToKey    = invalidToken + "The access token is bound to a key that the request does not prove"
	lacksClaim    = invalidToken + "The access token lacks a required claim or value"
	lacksScope    = `error="insufficient_scope"`
)

func TestAccess(t *testing.T) {
	each(t, func(t *testing.T, p provider) {
		i, stranger := p.start(t), p.start(t)
		api := startAPI(t, i.url)
		reader, writer := i.token(t, read), i.token(t, write)
		for _, test := range []struct {
			name, method, token string
			status              int
			challenge           string
		}{
			{"no token", "GET", "", 401, `scope="read:timesheets"`},
			{"scope of the route", "GET", reader, 200, ""},
			{"scope of the route, again from the cache of tokens", "GET", reader, 200, ""},
			{"one of two scopes", "GET", i.token(t, write+" "+read), 200, ""},
			{"scope of the other route", "POST", writer, 201, ""},
			{"without the scope of the route", "GET", writer, 403, `scope="read:timesheets"`},
			{"without the scope of the other route", "POST", reader, 403, `scope="write:timesheets"`},
			{"without any scope", "GET", i.token(t, ""), 403, `scope="read:timesheets"`},
			{"for another API", "GET", i.grant(t, read, otherAudience).require(t), 401, wrongAudience},
			{"of another server of this kind", "GET", stranger.token(t, read), 401, otherIssuer},
			{"signature tampered with", "GET", tamper(t, reader), 401, badSignature},
			{"scope added", "GET", escalate(t, writer), 401, badSignature},
			{"algorithm none", "GET", unsigned(t, reader), 401, badAlgorithm},
		} {
			t.Run(test.name, func(t *testing.T) {
				got := api.call(t, test.method, "/timesheets", test.token)
				assert.Equal(t, test.status, got.status)
				assert.Contains(t, got.challenge, test.challenge)
				assert.Equal(t, test.status == 403, strings.Contains(got.challenge, lacksScope))
			})
		}
		assert.Equal(t, p.subject, api.get(t, reader).subject)
		assert.Equal(t, 1, i.fetches(t, http.StatusOK), "no refused token fetches keys again")
	})
}

// A token may name no API, which every provider issues if the request names none. It may
// also name several (RFC 7519 section 4.1.3).
func TestAudience(t *testing.T) {
	refused := map[string]string{
		"oidc-provider":      malformed,     // an opaque token
		"oauth2-mock-server": lacksClaim,    // no aud
		"fosite":             wrongAudience, // an empty array
	}
	each(t, func(t *testing.T, p provider) {
		i := p.start(t)
		api := startAPI(t, i.url)
		got := api.get(t, i.grant(t, read, "").require(t))
		assert.Equal(t, http.StatusUnauthorized, got.status)
		assert.Contains(t, got.challenge, refused[p.name])

		several := i.grant(t, read, otherAudience)
		several.config.EndpointParams.Add(p.parameter, audience)
		token, err := several.token()
		if p.name == "oidc-provider" {
			require.ErrorContains(t, err, "only a single resource indicator value is supported")
			return
		}
		require.NoError(t, err)
		require.Len(t, payload(t, token.AccessToken).Audience(), 2)
		assert.Equal(t, http.StatusOK, api.get(t, token.AccessToken).status)
	})
}

// All keys are published before the API fetches them, so one fetch is enough.
func TestAlgorithms(t *testing.T) {
	each(t, func(t *testing.T, p provider) {
		i := p.start(t, func(s *settings) {
			s.Keys = nil
			for _, algorithm := range p.algorithms {
				s.Keys = append(s.Keys, newKey(t, algorithm))
			}
		})
		api := startAPI(t, i.url)
		for _, algorithm := range p.algorithms {
			t.Run(algorithm, func(t *testing.T) {
				i.sign(t, i.keyFor(t, algorithm))
				token := i.signedBy(t, i.Keys[0].KeyID)
				require.Equal(t, algorithm, header(t, token)["alg"])
				assert.Equal(t, http.StatusOK, api.get(t, token).status)
				assert.Contains(t, api.get(t, tamper(t, token)).challenge, badSignature)
			})
		}
	})
}

// TOKEN_PROFILE=rfc9068 accepts only tokens that follow the RFC. Some providers issue them
// by default, the others after a change of their configuration.
func TestRFC9068(t *testing.T) {
	each(t, func(t *testing.T, p provider) {
		i := p.start(t)
		api := startAPI(t, i.url, "TOKEN_PROFILE=rfc9068")
		byDefault := api.get(t, i.token(t, read))
		if p.strict {
			assert.Equal(t, http.StatusOK, byDefault.status)
		} else {
			assert.Equal(t, http.StatusUnauthorized, byDefault.status)
			assert.Contains(t, byDefault.challenge, badType)
		}

		i.RFC9068 = true
		i.apply(t)
		got := api.get(t, i.token(t, read))
		assert.Equal(t, http.StatusOK, got.status)
		assert.Equal(t, clientID, got.subject)
	})
}
