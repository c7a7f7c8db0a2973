package main

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestDefaults(t *testing.T) {
	c, err := configFrom(environment("ISSUERS_FILE", "issuers.json"))
	require.NoError(t, err)
	assert.Equal(t, config{addr: "127.0.0.1:8080", issuersFile: "issuers.json"}, c)
}

func TestSettings(t *testing.T) {
	c, err := configFrom(environment(
		"ADDR", ":9", "ADMIN_ADDR", "[::1]:10", "ISSUERS_FILE", "f", "RELOAD_EVERY", "1m", "TENANT_TTL", "5s",
		"TENANT_PATTERNS", "https://a.example/*, https://b.example/*", "PRIVATE_HOSTS", "a", "INSECURE_HTTP_HOSTS", "b,c",
	))
	require.NoError(t, err)
	assert.Equal(t, config{
		addr: ":9", adminAddr: "[::1]:10", issuersFile: "f", reloadEvery: time.Minute, ttl: 5 * time.Second,
		patterns: []string{"https://a.example/*", "https://b.example/*"}, privateHosts: []string{"a"}, insecureHosts: []string{"b", "c"},
	}, c)
	_, err = configFrom(environment("ISSUERS_FILE", "f", "ADMIN_ADDR", "0.0.0.0:9"))
	assert.NoError(t, err, "a status alone can be read by others")
}

func TestMistakesAreReportedTogether(t *testing.T) {
	_, err := configFrom(environment("ADDR", "x", "ADMIN_ADDR", "y", "RELOAD_EVERY", "often", "TENANT_TTL", "-1s"))
	require.Error(t, err)
	for _, name := range []string{"ADDR: ", "ADMIN_ADDR: ", "RELOAD_EVERY: ", "TENANT_TTL: ", "ISSUERS_FILE: it is required"} {
		assert.Contains(t, "\n"+err.Error(), "\n"+name)
	}
	for _, addr := range []string{":9", "0.0.0.0:9", "admin.example:9", "192.0.2.1:9"} {
		_, err = configFrom(environment("TENANT_PATTERNS", "https://a.example/*", "ADMIN_ADDR", addr))
		assert.ErrorContains(t, err, "not a loopback address", addr)
	}
}

func TestExitCodes(t *testing.T) {
	good, bad := newFile(t, `[{"url": "https://a.example/", "audiences": ["api"]}]`), newFile(t, `[{"url": "https://a.example/"}]`)
	plain := newFile(t, `[{"url": "http://a.example/", "audiences": ["api"]}]`)
	for _, tt := range []struct {
		rule   string
		args   []string
		env    []string
		code   int
		stdout string
		stderr string
	}{
		{"-check of a good file", []string{"-check", good}, nil, 0, "1 issuers\n", ""},
		{"-check of a bad file", []string{"-check", bad}, nil, 1, "", "/0: claims: invalid Issuer"},
		{"-check of no file", []string{"-check", good + ".none"}, nil, 1, "", "no such file"},
		{"-check of an address", []string{"-check", plain}, nil, 1, "", "https is required"},
		{"-check of an address that is allowed", []string{"-check", plain}, []string{"INSECURE_HTTP_HOSTS", "a.example"}, 0, "1 issuers\n", ""},
		{"an unknown flag", []string{"-verify", good}, nil, 2, "", "flag provided but not defined"},
		{"no configuration", nil, nil, 2, "", "ISSUERS_FILE: it is required"},
		{"a bad file at the start", nil, []string{"ISSUERS_FILE", bad}, 2, "", "Audiences is empty"},
		{"a bad pattern", nil, []string{"TENANT_PATTERNS", "http://*/"}, 2, "", "https is required"},
		{"an address of another machine", nil, []string{"ISSUERS_FILE", good, "ADDR", "192.0.2.1:1"}, 1, "", "cannot serve"},
	} {
		t.Run(tt.rule, func(t *testing.T) {
			var stdout, stderr strings.Builder
			assert.Equal(t, tt.code, run(t.Context(), nil, tt.args, environment(tt.env...), &stdout, &stderr))
			assert.True(t, strings.HasSuffix(stdout.String(), tt.stdout), &stdout)
			assert.Contains(t, stderr.String(), tt.stderr)
		})
	}
}
