//go:build unix

package interop_test

import (
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/middleware/dpop"
)

// The challenges of refused DPoP requests (RFC 9449 section 7.1).
const (
	badProof  = `error="invalid_dpop_proof"`
	needNonce = `error="use_dpop_nonce"`
)

// Who has a token that is bound to the key of somebody else cannot use it, and a recorded
// request cannot be sent again (RFC 9449 section 2).
func TestDPoPClients(t *testing.T) {
	eachLibrary(t, func(t *testing.T, i *issuer, library string) {
		api := serveDPoP(t, i, dpop.Config{})
		client, thief := newDPoPClient(t, i, library), newDPoPClient(t, i, library)

		got := client.get(t, api.URL+"/timesheets")
		assert.Equal(t, []int{200}, got.statuses())
		assert.Equal(t, []int{200}, client.call(t, dpopCall{URL: api.URL + "/timesheets", Method: "POST"}).statuses())
		assert.Equal(t, []string{"", "", "", ""}, api.decided(), "of both layers, for both requests")
		recorded := got.Sent[0]

		stolen := thief.call(t, dpopCall{URL: api.URL + "/timesheets", Method: http.MethodGet, Token: client.token})
		assert.Equal(t, []int{401}, stolen.statuses(), "the thief's key")
		assert.Contains(t, stolen.Sent[0].Challenge, invalidToken)
		if library != "dpop" { // it reads no challenges
			assert.Equal(t, []string{"dpop invalid_token"}, stolen.codes())
		}
		for _, test := range []struct {
			name, field, value, challenge, reason string
		}{
			{"the same request again", "", "", badProof, "replay"},
			{"without a proof", "DPoP", "", badProof, "proof"},
			{"as a bearer token", "Authorization", "Bearer " + client.token, invalidToken, "confirmation"},
			{"with the thief's token", "Authorization", "DPoP " + thief.token, invalidToken, "confirmation"},
		} {
			api.decided()
			got := recorded.send(t, api.URL, test.field, test.value)
			assert.Equal(t, http.StatusUnauthorized, got.status, test.name)
			assert.Contains(t, got.challenge, test.challenge, test.name)
			assert.True(t, strings.HasPrefix(got.challenge, "DPoP "), test.name)
			assert.Equal(t, []string{test.reason}, api.decided(), test.name)
		}
		elsewhere := recorded
		elsewhere.Method = http.MethodPost
		assert.Contains(t, elsewhere.send(t, api.URL, "", "").challenge, badProof, "for another request")
	})
}

// A request without a token gets one challenge for each scheme, in two fields. A client sees
// them joined by a comma.
func TestDPoPChallenges(t *testing.T) {
	eachLibrary(t, func(t *testing.T, i *issuer, library string) {
		if library == "dpop" {
			t.Skip("it reads no challenges")
		}
		client := newDPoPClient(t, i, library)
		for _, test := range []struct {
			config dpop.Config
			want   []string
		}{
			{dpop.Config{}, []string{"bearer", "dpop"}},
			{dpop.Config{Required: true}, []string{"dpop"}},
		} {
			api := serveDPoP(t, i, test.config)
			got := client.call(t, dpopCall{URL: api.URL + "/timesheets", Method: http.MethodGet, Anonymous: true})
			require.Equal(t, test.want, got.codes())
			algorithms := strings.Fields(got.Read[len(got.Read)-1].Parameters["algs"])
			assert.Subset(t, algorithms, []string{"ES256", "EdDSA", "Ed25519"})
		}
	})
}

// A client that is asked for a nonce sends its request again. It then has a nonce, and
// gets a newer one in time, so that it is not asked again while it is busy.
func TestDPoPNonce(t *testing.T) {
	eachLibrary(t, func(t *testing.T, i *issuer, library string) {
		began, passed := time.Now(), atomic.Int64{} // the clock of the API moves by passed only
		now := func() time.Time { return began.Add(time.Duration(passed.Load())) }
		api := serveDPoP(t, i, dpop.Config{Nonces: nonces(true), Now: now})
		client := newDPoPClient(t, i, library)
		get := func() dpopAnswer { return client.get(t, api.URL+"/timesheets") }

		first := get()
		require.Equal(t, []int{401, 200}, first.statuses())
		assert.Equal(t, []string{"nonce", "", ""}, api.decided())
		assert.NotContains(t, first.Sent[0].claims(t), "nonce")
		assert.Contains(t, first.Sent[0].Challenge, needNonce)
		assert.Contains(t, first.Sent[1].claims(t), "nonce")
		assert.NotEqual(t, first.Sent[0].claims(t)["jti"], first.Sent[1].claims(t)["jti"])

		for range 4 { // minutes
			assert.Equal(t, []int{200}, get().statuses())
			passed.Add(int64(time.Minute))
		}
		passed.Add(int64(time.Hour))
		assert.Equal(t, []int{401, 200}, get().statuses(), "after a long pause")
	})
}

// nonces returns a configuration with a secret.
func nonces(always bool) *dpop.Nonces {
	return &dpop.Nonces{Secrets: [][]byte{[]byte("the-nonce-secret-of-the-tests-is-no-secret")}, Always: always}
}

// The iat of a client with a wrong clock is refused, unless the API gives it a nonce. A client
// with a right clock is not asked for one.
func TestDPoPClock(t *testing.T) {
	eachLibrary(t, func(t *testing.T, i *issuer, library string) {
		plain, helpful := serveDPoP(t, i, dpop.Config{}), serveDPoP(t, i, dpop.Config{Nonces: nonces(false)})
		client := newDPoPClient(t, i, library)
		assert.Equal(t, []int{200}, client.get(t, helpful.URL+"/timesheets").statuses())
		for _, skew := range []int{-600, 600} {
			client.login(t, i, library, func(l *login) { l.Skew = skew })
			refused := client.get(t, plain.URL+"/timesheets")
			assert.Equal(t, []int{401}, refused.statuses(), skew)
			assert.Contains(t, refused.Sent[0].Challenge, badProof)
			helped := client.get(t, helpful.URL+"/timesheets")
			assert.Equal(t, []int{401, 200}, helped.statuses(), skew)
			assert.Contains(t, helped.Sent[0].Challenge, needNonce)
			assert.InDelta(t, time.Now().Add(time.Duration(skew)*time.Second).Unix(), helped.Sent[1].claims(t)["iat"], 30)
			assert.Equal(t, []int{200}, client.get(t, helpful.URL+"/timesheets").statuses(), "it has a nonce now")
		}
	})
}

// Each library signs proofs with the algorithms that it knows. EdDSA is how the two that can
// rename Ed25519 write it.
func TestDPoPAlgorithms(t *testing.T) {
	all := []string{"ES256", "ES384", "ES512", "Ed25519", "EdDSA", "PS256", "PS384", "PS512", "RS256"}
	algorithms := map[string][]string{
		"oauth4webapi": all, "openid-client": all, "dpop": {"ES256", "Ed25519", "PS256", "RS256"},
	}
	eachLibrary(t, func(t *testing.T, i *issuer, library string) {
		api := serveDPoP(t, i, dpop.Config{})
		client := newDPoPClient(t, i, library)
		for _, alg := range algorithms[library] {
			client.login(t, i, library, func(l *login) { l.Alg = alg })
			got := client.get(t, api.URL+"/timesheets")
			assert.Equal(t, alg, header(t, got.Sent[0].Proof)["alg"])
			assert.Equal(t, []int{200}, got.statuses(), alg)
		}
	})
}

// Replicas that share a memory refuse a proof that another one has accepted. With a memory
// each, a proof can be used once at each of them.
func TestDPoPReplicas(t *testing.T) {
	eachLibrary(t, func(t *testing.T, i *issuer, library string) {
		client := newDPoPClient(t, i, library)
		shared, err := dpop.NewMemory(dpop.MemoryConfig{})
		require.NoError(t, err)
		config := dpop.Config{Origins: []string{publicOrigin}, Nonces: nonces(true), Replays: shared}
		first, second := serveDPoP(t, i, config), serveDPoP(t, i, config)
		config.Replays = nil
		alone := serveDPoP(t, i, config)

		call := dpopCall{URL: publicOrigin + "/timesheets", Method: http.MethodGet, To: first.URL}
		asked := client.call(t, call)
		require.Equal(t, []int{401, 200}, asked.statuses())
		got := asked.Sent[1].send(t, second.URL, "", "")
		assert.Equal(t, http.StatusUnauthorized, got.status)
		assert.Contains(t, got.challenge, badProof)
		assert.Equal(t, []string{"replay"}, second.decided())
		assert.Equal(t, http.StatusOK, asked.Sent[1].send(t, alone.URL, "", "").status)

		call.To = second.URL
		assert.Equal(t, []int{200}, client.call(t, call).statuses(), "the nonce of the first replica")
	})
}
