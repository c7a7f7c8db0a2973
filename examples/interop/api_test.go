//go:build unix

package interop_test

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	// The API uses it, so go test must run these tests again after a change to it.
	_ "github.com/bearerguard/bearerguard/middleware"
)

// audience is the identifier of the API.
const audience = "https://timesheets.example.com"

// apiDir is the folder of the built API. TestMain removes it.
var apiDir string

// apiBinary builds the API once, and returns its path. It builds with the race detector
// if the tests run with it.
var apiBinary = sync.OnceValues(func() (string, error) {
	if err := readSources(); err != nil {
		return "", err
	}
	var err error
	if apiDir, err = os.MkdirTemp("", "interop"); err != nil {
		return "", err
	}
	path := filepath.Join(apiDir, "api.exe")
	args := []string{"-C", "..", "build", "-mod=readonly", "-o", path}
	if raceEnabled {
		args = append(args, "-race")
	}
	out, err := exec.Command("go", append(args, "./timesheets/api")...).CombinedOutput()
	if err != nil {
		err = fmt.Errorf("go build: %w\n%s", err, out)
	}
	return path, err
})

// readSources opens the source files of the API. go test shows a cached result unless a
// file has changed that the test opened, but it ignores files outside this module. The
// links in testdata make them files of this module.
func readSources() error {
	handlers, _ := filepath.Glob("testdata/timesheets/*.go")
	sources, _ := filepath.Glob("testdata/timesheets/api/*.go")
	if len(handlers) == 0 || len(sources) == 0 {
		return errors.New("testdata/timesheets does not link to ../../timesheets; it is a symbolic link")
	}
	for _, name := range slices.Concat(handlers, sources, []string{"testdata/examples.mod"}) {
		if _, err := os.ReadFile(name); err != nil {
			return err
		}
	}
	return nil
}

func TestMain(m *testing.M) {
	_ = flag.Set("test.parallel", "8") // the default, because the tests mostly wait
	code := m.Run()
	_ = os.RemoveAll(apiDir)
	os.Exit(code)
}

// An api is a running Timesheets API.
type api struct {
	*process
	url    string
	client *http.Client
}

var listeningURL = regexp.MustCompile(`url=(http://127\.0\.0\.1:\d+)`)

// startAPI runs the API for the tokens of this issuer. At the end of the test, the API
// must stop when it gets a signal, and its log must not contain a token.
func startAPI(t *testing.T, issuerURL string, settings ...string) *api {
	t.Helper()
	binary, err := apiBinary()
	require.NoError(t, err)
	env := append([]string{"ISSUER_URL=" + issuerURL, "AUDIENCE=" + audience, "ADDR=127.0.0.1:0"}, settings...)
	a := &api{process: launch(t, env, nil, binary)}
	transport := &http.Transport{MaxIdleConnsPerHost: 32}
	a.client = &http.Client{Transport: transport, Timeout: patience}
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		assert.Equal(t, 0, a.terminate(), "exit code of the API")
		assert.NotRegexp(t, `eyJ[\w-]{8}`, a.log.String(), "part of a token is in the log")
	})
	eventually(t, func() bool {
		if found := listeningURL.FindStringSubmatch(a.log.String()); found != nil {
			a.url = found[1]
		}
		return a.url != ""
	}, "the API never listened")
	return a
}

// An answer has the parts of an API response that the tests check.
type answer struct {
	status     int
	challenge  string
	retryAfter string
	subject    string
}

// get lists the timesheets.
func (a *api) get(t *testing.T, token string) answer {
	t.Helper()
	return a.call(t, http.MethodGet, "/timesheets", token)
}

// call sends a request and returns the answer. It fails the test if there is none.
func (a *api) call(t *testing.T, method, path, token string) answer {
	t.Helper()
	got, err := a.try(method, path, token)
	require.NoError(t, err)
	return got
}

func (a *api) try(method, path, token string) (answer, error) {
	r, err := http.NewRequest(method, a.url+path, strings.NewReader(`{"hours":8}`))
	if err != nil {
		return answer{}, err
	}
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	w, err := a.client.Do(r)
	if err != nil {
		return answer{}, err
	}
	defer w.Body.Close()
	body, err := io.ReadAll(io.LimitReader(w.Body, 1<<20))
	if err != nil {
		return answer{}, err
	}
	var list struct {
		Subject string `json:"sub"`
	}
	err = json.Unmarshal(body, &list)
	return answer{w.StatusCode, w.Header.Get("WWW-Authenticate"), w.Header.Get("Retry-After"), list.Subject}, err
}

// until calls the API with a token until it answers with this status. The statuses before
// are allowed until then; any other answer fails the test.
func (a *api) until(t *testing.T, status int, token string, before ...int) {
	t.Helper()
	eventually(t, func() bool {
		got := a.get(t, token)
		if got.status != status {
			require.Contains(t, before, got.status, "%+v", got)
		}
		return got.status == status
	}, fmt.Sprintf("no answer with status %d", status))
}

// long is longer than a request takes on a busy machine if it waits for nothing.
const long = 2 * time.Second

// busy is longer than a request takes on a machine that has nothing else to do, and shorter than the
// rest after which the API knows nothing of its issuer any more.
const busy = 100 * time.Millisecond

// always calls the API with a token for some time. Every answer must have this status. It
// returns the durations of the requests that took longer than long, and how often the machine was
// too busy for a request, or for the next one: each time may have been a rest for the API.
func (a *api) always(t *testing.T, status int, token string, during time.Duration) (waits []time.Duration, rests int) {
	t.Helper()
	ticker := time.NewTicker(25 * time.Millisecond)
	defer ticker.Stop()
	last := time.Now()
	for end := last.Add(during); time.Now().Before(end); <-ticker.C {
		began := time.Now()
		got := a.get(t, token)
		require.Equal(t, status, got.status, "%+v", got)
		took := time.Since(began)
		if took > long {
			waits = append(waits, took)
		}
		if began.Sub(last) > busy || took > busy && took < maxWait {
			rests++
		}
		last = time.Now()
	}
	return waits, rests
}

// maxWait is how long a request waits for keys.
const maxWait = 3 * time.Second
