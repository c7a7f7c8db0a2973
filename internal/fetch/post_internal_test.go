package fetch

import (
	"net/http"
	"net/url"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestPostSendsAForm(t *testing.T) {
	server := newCountingServer(t, false, func(w http.ResponseWriter, r *http.Request) {
		assert.Equal(t, "application/x-www-form-urlencoded", r.Header.Get("Content-Type"))
		assert.Equal(t, "Basic YTpi", r.Header.Get("Authorization"))
		assert.Equal(t, "an-agent", r.Header.Get("User-Agent"))
		assert.Equal(t, "application/json", r.Header.Get("Accept"))
		assert.NoError(t, r.ParseForm())
		assert.Equal(t, url.Values{"token": {"a b&c"}}, r.PostForm)
		_, _ = w.Write([]byte("{}"))
	})
	c := New(Config{Address: server.URL, UserAgent: "an-agent"})
	defer c.CloseIdle()
	res, err := c.Post(t.Context(), Request{What: "x", URL: server.URL, Accept: "application/json", MaxBytes: 10},
		url.Values{"token": {"a b&c"}}, "Basic YTpi")
	require.NoError(t, err)
	assert.Equal(t, "{}", string(res.Body))
}

// The body of a request has credentials. It must not be sent anywhere else, also where redirects
// of a GET are followed.
func TestPostFollowsNoRedirect(t *testing.T) {
	for _, status := range []int{301, 302, 303, 307, 308} {
		server := newCountingServer(t, true, func(w http.ResponseWriter, r *http.Request) {
			assert.Equal(t, "/", r.URL.Path)
			http.Redirect(w, r, "/other", status)
		})
		c := New(Config{Address: server.URL, Client: server.Client(), AllowRedirects: true})
		_, err := c.Post(t.Context(), Request{What: "x", URL: server.URL + "/", MaxBytes: 10}, url.Values{"secret": {"s"}}, "")
		c.CloseIdle()
		require.ErrorContains(t, err, "a redirect, which is not followed", status)
	}
}

func TestPostRefusesALongAnswer(t *testing.T) {
	server := newCountingServer(t, false, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(make([]byte, 11)) })
	c := New(Config{Address: server.URL})
	defer c.CloseIdle()
	_, err := c.Post(t.Context(), Request{What: "x", URL: server.URL, MaxBytes: 10}, nil, "")
	require.ErrorContains(t, err, "longer than 10 bytes")
}
