package fetch

import (
	"errors"
	"fmt"
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestPrintable(t *testing.T) {
	assert.Equal(t, "plain text", Printable("plain text", 10))
	assert.Equal(t, "plain tex...", Printable("plain text", 9))
	assert.Equal(t, "a?b?c??d", Printable("a\nb\x1bc\xff\u00e9d", 20))
}

// Refused decides whether a request is repeated without its Cache-Control, Retry whether it is
// repeated as it is, and Gone whether discovery can help.
func TestKindsOfStatus(t *testing.T) {
	for status, want := range map[int]string{
		201: "", 204: "", 304: "", 302: "",
		400: "refused", 401: "", 402: "refused", 403: "refused", 405: "refused", 406: "refused", 418: "refused", 451: "refused",
		404: "gone", 410: "gone",
		408: "retry", 429: "retry", 500: "retry", 501: "retry", 503: "retry", 599: "retry",
	} {
		e := statusError("jwks: key set", &http.Response{StatusCode: status, Header: http.Header{}})
		got := map[string]bool{"refused": e.Refused(), "gone": e.Gone(), "retry": e.Retry}
		for kind, is := range got {
			assert.Equal(t, kind == want, is, "%d %s", status, kind)
		}
		assert.True(t, Answered(fmt.Errorf("wrapped: %w", e)), status)
	}
}

func TestErrorsWithoutAnAnswer(t *testing.T) {
	for _, err := range []error{nil, errors.New("other"), &Error{Problem: "no answer", Retry: true}} {
		assert.False(t, Answered(err))
	}
	assert.False(t, (&Error{}).Refused())
	assert.False(t, (&Error{}).Gone())
}
