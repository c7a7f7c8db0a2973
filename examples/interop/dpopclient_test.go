//go:build unix

package interop_test

import (
	"encoding/json"
	"net/http"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// libraries are the clients of node/dpop-client.mjs.
var libraries = []string{"oauth4webapi", "openid-client", "dpop"}

// eachLibrary runs a test with every library, and with an issuer that asks for a nonce too.
func eachLibrary(t *testing.T, test func(t *testing.T, i *issuer, library string)) {
	t.Parallel()
	i := providers[0].start(t, func(s *settings) { s.RequireNonce = true })
	for _, library := range libraries {
		t.Run(library, func(t *testing.T) { test(t, i, library) })
	}
}

// A dpopClient is a client of another project, with a key and a token that is bound to it.
type dpopClient struct {
	*process
	stdin  *json.Encoder
	stdout *json.Decoder
	token  string
}

// login is what a client needs to get a token.
type login struct {
	Library  string `json:"library"`
	Issuer   string `json:"issuer"`
	Client   string `json:"client"`
	Secret   string `json:"secret"`
	Resource string `json:"resource"`
	Scope    string `json:"scope"`
	Alg      string `json:"alg"`  // of its proofs
	Skew     int    `json:"skew"` // how far its clock is ahead, in seconds
}

// newDPoPClient starts a client that gets a token with these changes of its login.
func newDPoPClient(t *testing.T, i *issuer, library string, changes ...func(*login)) *dpopClient {
	t.Helper()
	requireNode(t)
	c := new(dpopClient)
	c.process = launch(t, nodeEnvironment(), func(cmd *exec.Cmd) {
		cmd.Dir = "node"
		stdin, err := cmd.StdinPipe()
		require.NoError(t, err)
		stdout, err := cmd.StdoutPipe()
		require.NoError(t, err)
		c.stdin, c.stdout = json.NewEncoder(stdin), json.NewDecoder(stdout)
	}, "node", "dpop-client.mjs")
	c.login(t, i, library, changes...)
	return c
}

// login makes a new key and gets a token that is bound to it.
func (c *dpopClient) login(t *testing.T, i *issuer, library string, changes ...func(*login)) {
	t.Helper()
	l := login{
		Library: library, Issuer: i.url, Client: clientID, Secret: clientSecret,
		Resource: audience, Scope: read, Alg: "ES256",
	}
	for _, change := range changes {
		change(&l)
	}
	var got struct {
		Token string `json:"token"`
	}
	c.command(t, l, &got)
	require.Contains(t, confirmation(t, got.Token), "jkt")
	c.token = got.Token
}

// A dpopCall is a request that a client makes.
type dpopCall struct {
	URL    string `json:"url"`
	To     string `json:"to,omitempty"` // the address it is sent to, if that is another one
	Method string `json:"method"`
	Token  string `json:"token,omitempty"` // of another client
	HTU    string `json:"htu,omitempty"`   // only for dpop, which takes it from the program

	Anonymous bool `json:"anonymous,omitempty"` // without its token
}

// A dpopAnswer has all requests that the client sent for one call, and what it read from the
// challenges of the last answer.
type dpopAnswer struct {
	Sent []sentRequest   `json:"sent"`
	Read []readChallenge `json:"read"`
}

// A readChallenge is what a client reads from a challenge.
type readChallenge struct {
	Scheme     string            `json:"scheme"`
	Parameters map[string]string `json:"parameters"`
}

// A sentRequest is a request as a thief could have recorded it.
type sentRequest struct {
	Method        string `json:"method"`
	Target        string `json:"target"`
	Authorization string `json:"authorization"`
	Proof         string `json:"proof"`
	Status        int    `json:"status"`
	Challenge     string `json:"challenge"`
}

// get calls a URL.
func (c *dpopClient) get(t *testing.T, url string) dpopAnswer {
	t.Helper()
	return c.call(t, dpopCall{URL: url, Method: http.MethodGet})
}

func (c *dpopClient) call(t *testing.T, call dpopCall) (got dpopAnswer) {
	t.Helper()
	c.command(t, call, &got)
	require.NotEmpty(t, got.Sent)
	return got
}

func (c *dpopClient) command(t *testing.T, command, into any) {
	t.Helper()
	require.NoError(t, c.stdin.Encode(command))
	failed := make(chan error, 1)
	go func() { failed <- c.stdout.Decode(into) }() // until the process ends
	select {
	case err := <-failed:
		require.NoError(t, err, "the client ended: %s", c.log)
	case <-time.After(patience):
		require.Fail(t, "the client does not answer")
	}
}

// statuses returns the statuses of the requests, in order.
func (a dpopAnswer) statuses() (all []int) {
	for _, sent := range a.Sent {
		all = append(all, sent.Status)
	}
	return all
}

// claims returns the claims of the proof.
func (r sentRequest) claims(t *testing.T) (claims map[string]any) {
	t.Helper()
	require.NoError(t, json.Unmarshal(decode(t, strings.Split(r.Proof, ".")[1]), &claims))
	return claims
}

// send sends a request again and returns the answer. A field, if not "", has another value, or
// none.
func (r sentRequest) send(t *testing.T, to, field, value string) answer {
	t.Helper()
	request, err := http.NewRequest(r.Method, to+r.Target, http.NoBody)
	require.NoError(t, err)
	request.Header = http.Header{"Authorization": {r.Authorization}, "Dpop": {r.Proof}}
	if request.Header.Del(field); value != "" {
		request.Header.Set(field, value)
	}
	w, err := (&http.Client{Timeout: patience}).Do(request)
	require.NoError(t, err)
	require.NoError(t, w.Body.Close())
	return answer{status: w.StatusCode, challenge: strings.Join(w.Header["Www-Authenticate"], ", ")}
}

// codes returns the schemes and error codes of the challenges that the client read.
func (a dpopAnswer) codes() (all []string) {
	for _, challenge := range a.Read {
		all = append(all, strings.TrimSpace(challenge.Scheme+" "+challenge.Parameters["error"]))
	}
	return all
}
