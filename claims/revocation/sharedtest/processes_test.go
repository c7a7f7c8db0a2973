package sharedtest_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/claims"
	"github.com/bearerguard/bearerguard/claims/revocation"
	"github.com/bearerguard/bearerguard/jwks"
	"github.com/bearerguard/bearerguard/jwks/jwkstest"
)

// processVariable is the environment variable by which the test binary runs as one of the
// processes. It holds an order.
const processVariable = "SHAREDTEST_PROCESS"

// An order tells a process what to do.
type order struct {
	Client, Address   string
	ContinueWhenStale bool
	Keys              map[string][]byte // the key set of each issuer
	Tokens            map[string]string // by name
}

// An event is a change of what a process says to a token.
type event struct {
	Name, Outcome string
	At            time.Time
	process       int
}

// The outcomes of a token.
const (
	accepted    = "accepted"
	revoked     = "revoked"
	unavailable = "unavailable"
)

// runProcess is the program of each process. It verifies all tokens again and again until its
// standard input ends.
func runProcess(t *testing.T, text string) {
	var o order
	require.NoError(t, json.Unmarshal([]byte(text), &o))
	list := newList(t, revocation.Config{
		Do: clients[o.Client](t, o.Address), MaxAge: maxAge, ContinueWhenStale: o.ContinueWhenStale,
	})
	var issuers []claims.Issuer
	for url, document := range o.Keys {
		keys, err := jwks.NewStatic(document)
		require.NoError(t, err)
		issuers = append(issuers, list.Protect(claims.Issuer{URL: url, Audiences: []string{jwkstest.Audience}, Keys: keys, MaxLifetime: lifetime}))
	}
	verifier, err := claims.NewVerifier(claims.Config{Issuers: issuers})
	require.NoError(t, err)
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	go func() { _ = list.Run(ctx) }()
	go func() {
		_, _ = bufio.NewReader(os.Stdin).ReadByte()
		stop()
	}()
	outcomes, out := make(map[string]string), json.NewEncoder(os.Stdout)
	for ; ctx.Err() == nil; time.Sleep(2 * time.Millisecond) {
		for name, token := range o.Tokens {
			_, err := verifier.Verify(ctx, token)
			if outcome := outcomeOf(err); outcome != outcomes[name] {
				outcomes[name] = outcome
				require.NoError(t, out.Encode(event{Name: name, Outcome: outcome, At: time.Now()}))
			}
		}
	}
}

func outcomeOf(err error) string {
	switch {
	case err == nil:
		return accepted
	case errors.Is(err, claims.ErrRevoked):
		return revoked
	case errors.Is(err, claims.ErrUnavailable):
		return unavailable
	}
	return err.Error()
}

const (
	processes = 4
	maxAge    = 5 * time.Second
)

// A fleet is four processes that share a list, and an operator.
type fleet struct {
	server   *server
	operator *revocation.List
	events   chan event
	outcomes [processes]map[string]event // the last one of each token
}

func startFleet(t *testing.T, continues bool) *fleet {
	t.Helper()
	f := &fleet{server: startServer(t, forgetful...), events: make(chan event, 1000)}
	f.operator = newList(t, revocation.Config{Do: clients["valkey-go"](t, f.server.address), Timeout: slow})
	o := order{Address: f.server.address, ContinueWhenStale: continues, Keys: make(map[string][]byte), Tokens: make(map[string]string)}
	first, second := jwkstest.NewIssuer(jwkstest.Config{URL: issuerURL}), jwkstest.NewIssuer(jwkstest.Config{URL: otherURL})
	o.Keys[issuerURL], o.Keys[otherURL] = first.Document(), second.Document()
	at := time.Now().Add(-time.Minute)
	token := func(i *jwkstest.Issuer, name string) {
		o.Tokens[name] = i.Token(map[string]any{
			"jti": "jti-" + name, "sid": "sid-" + name, "sub": "sub-" + name, "client_id": "client-" + name,
			"iat": at.Unix(), "exp": at.Add(lifetime).Unix(),
		})
	}
	for _, name := range []string{"good", "token", "session", "subject", "client", "late"} {
		token(first, name)
	}
	token(second, "issuer")
	for n := range processes {
		o.Client = []string{"valkey-go", "go-redis"}[n%2]
		f.outcomes[n] = make(map[string]event)
		f.run(t, n, o)
	}
	return f
}

// run starts a process, which ends with the test.
func (f *fleet) run(t *testing.T, n int, o order) {
	t.Helper()
	text, err := json.Marshal(o)
	require.NoError(t, err)
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestFourProcesses$")
	cmd.Env = append(os.Environ(), processVariable+"="+string(text))
	in, err := cmd.StdinPipe()
	require.NoError(t, err)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	ended := make(chan struct{})
	go func() { // ends with the process
		defer close(ended)
		for lines := bufio.NewScanner(out); lines.Scan(); {
			var e event
			if json.Unmarshal(lines.Bytes(), &e) == nil {
				e.process = n
				f.events <- e
			}
		}
	}()
	t.Cleanup(func() {
		_ = in.Close()
		_ = cmd.Process.Kill()
		<-ended
		_ = cmd.Wait() // killed
	})
}

// await waits until all processes say this to each of the tokens, and returns when the last one
// began to.
func (f *fleet) await(t *testing.T, outcome string, names ...string) (last time.Time) {
	t.Helper()
	limit := time.After(patience)
	for {
		var waiting bool
		if last, waiting = f.last(outcome, names); !waiting {
			return last
		}
		select {
		case e := <-f.events:
			f.outcomes[e.process][e.Name] = e
		case <-limit:
			t.Fatalf("not all processes say %q to %v: %v", outcome, names, f.outcomes)
		}
	}
}

// last returns when the last process began to say this to these tokens, or that one does not.
func (f *fleet) last(outcome string, names []string) (last time.Time, waiting bool) {
	for _, outcomes := range f.outcomes {
		for _, name := range names {
			e := outcomes[name]
			if e.Outcome != outcome {
				return time.Time{}, true
			}
			if e.At.After(last) {
				last = e.At
			}
		}
	}
	return last, false
}

func (f *fleet) cutOff(t *testing.T, name string, e revocation.Entry) {
	t.Helper()
	began := time.Now()
	require.NoError(t, f.operator.Add(t.Context(), e))
	last := f.await(t, revoked, name)
	t.Logf("%s: the last of %d processes refuses %v after Add was called", e.Kind, processes, last.Sub(began).Round(time.Millisecond))
}

// awaitStart waits until a process that starts refuses all that was cut off: the others give back
// what the server has lost.
func (f *fleet) awaitStart(t *testing.T) {
	t.Helper()
	do := clients["valkey-go"](t, f.server.address)
	require.Eventually(t, func() bool {
		list := newList(t, revocation.Config{Do: do, Timeout: slow})
		for _, members := range []string{`"jti":"jti-token"`, `"sid":"sid-session"`, `"sub":"sub-subject"`, `"client_id":"client-client"`} {
			if !errors.Is(list.Check(t.Context(), claimsOf(t, members)), claims.ErrRevoked) {
				return false
			}
		}
		return list.Status().Entries[revocation.Issuer] == 1
	}, patience, 100*time.Millisecond)
}

// Four processes share a list through one server.
func TestFourProcesses(t *testing.T) {
	if text := os.Getenv(processVariable); text != "" {
		runProcess(t, text)
		return
	}
	for _, continues := range []bool{false, true} {
		t.Run(fmt.Sprintf("ContinueWhenStale %v", continues), func(t *testing.T) {
			t.Parallel()
			f := startFleet(t, continues)
			all := []string{"good", "late", "token", "session", "subject", "client", "issuer"}
			f.await(t, accepted, all...)
			f.cutOff(t, "token", revocation.Entry{Kind: revocation.Token, Issuer: issuerURL, ID: "jti-token", ExpiresAt: time.Now().Add(lifetime)})
			f.cutOff(t, "session", revocation.Entry{Kind: revocation.Session, Issuer: issuerURL, ID: "sid-session"})
			f.cutOff(t, "subject", revocation.Entry{Kind: revocation.Subject, Issuer: issuerURL, ID: "sub-subject"})
			f.cutOff(t, "client", revocation.Entry{Kind: revocation.Client, Issuer: issuerURL, ID: "client-client"})
			f.cutOff(t, "issuer", revocation.Entry{Kind: revocation.Issuer, Issuer: otherURL})
			cut := all[2:]
			f.await(t, accepted, "good", "late")

			f.server.kill(t)
			gone := time.Now()
			require.Error(t, f.operator.Add(t.Context(), revocation.Entry{Kind: revocation.Subject, Issuer: issuerURL, ID: "sub-late"}))
			if continues {
				time.Sleep(maxAge + 2*time.Second) // what is configured is that nothing changes
				f.await(t, accepted, "good", "late")
				t.Logf("the server is killed: after %v, %d processes still accept a good token, and refuse all that was cut off", time.Since(gone).Round(time.Millisecond), processes)
			} else {
				last := f.await(t, unavailable, "good", "late")
				t.Logf("the server is killed: the last of %d processes answers 503 after %v; MaxAge is %v", processes, last.Sub(gone).Round(time.Millisecond), maxAge)
			}
			f.await(t, revoked, cut...)

			f.server.start(t)
			back := time.Now()
			ctx, stop := context.WithCancel(t.Context())
			defer stop()
			go func() { _ = f.operator.Run(ctx) }() // sends again what the server did not take
			f.await(t, accepted, "good")
			last := f.await(t, revoked, "late")
			t.Logf("the server is back, without its data: the last of %d processes refuses what was cut off meanwhile after %v", processes, last.Sub(back).Round(time.Millisecond))
			f.await(t, revoked, cut...)
			// The others can read what the server has taken before its reply is here.
			require.Eventually(t, func() bool { return f.operator.Status().Waiting == 0 }, patience, 10*time.Millisecond)
			f.awaitStart(t)
			t.Logf("the server has the list again: a process that starts refuses what was cut off before, %v after it is back", time.Since(back).Round(time.Millisecond))
		})
	}
}

// A server that is stopped accepts commands, and does not answer.
func TestAServerThatHangs(t *testing.T) {
	f := startFleet(t, false)
	f.await(t, accepted, "good", "session")
	f.cutOff(t, "session", session("sid-session"))
	f.server.hang(t)
	f.await(t, unavailable, "good")
	f.server.wake(t)
	f.await(t, accepted, "good")
	f.await(t, revoked, "session")
}
