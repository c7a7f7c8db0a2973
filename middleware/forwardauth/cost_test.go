package forwardauth_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/bearerguard/bearerguard/middleware/forwardauth"
)

// A sink is a ResponseWriter that costs nothing.
type sink struct{ header http.Header }

func (s sink) Header() http.Header                   { return s.header }
func (sink) Write(p []byte) (int, error)             { return len(p), nil }
func (sink) WriteHeader(int)                         {}
func newSink() sink                                  { return sink{make(http.Header, 8)} }
func (s sink) serve(h http.Handler, r *http.Request) { clear(s.header); h.ServeHTTP(s, r) }

// What a gateway costs beside the Guard stays small, and so does junk.
func TestAllocations(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	h := newHandler(t, forwardauth.Config{
		Routes:  []forwardauth.Route{{Pattern: "GET /timesheets/{id}", Guard: newAuth(t, `{"sub":"alice"}`).GuardAuthenticated()}},
		Headers: headers{"X-Auth-Subject": forwardauth.Claim("sub")},
	})
	for _, tt := range []struct {
		rule string
		r    *http.Request
		most float64
	}{
		{"let through", from(gateway, "GET", "/timesheets/7", bearer), 10},
		{"percent-encoded", from(gateway, "GET", "/timesheets/caf%C3%A9", bearer), 20},
		{"a stranger", from(stranger, "GET", "/timesheets/7", bearer), 5},
		{"not in normal form", from(gateway, "GET", "/timesheets/../7", bearer), 5},
		{"in no Route", from(gateway, "GET", "/other", bearer), 18},
	} {
		s := newSink()
		got := testing.AllocsPerRun(100, func() { s.serve(h, tt.r) })
		assert.LessOrEqual(t, got, tt.most, tt.rule)
	}
}

func BenchmarkHandler(b *testing.B) {
	h := newHandler(b, forwardauth.Config{
		Routes: []forwardauth.Route{{Pattern: "GET /timesheets/{id}", Guard: newAuth(b, `{}`).GuardAuthenticated()}},
	})
	for name, target := range map[string]string{"passes": "/timesheets/7", "encoded": "/timesheets/caf%C3%A9", "malformed": "/timesheets/../7", "unlisted": "/other"} {
		r, s := from(gateway, "GET", target, bearer), newSink()
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				s.serve(h, r)
			}
		})
	}
}
