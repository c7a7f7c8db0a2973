package middleware_test

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/bearerguard/bearerguard/claims"
	"github.com/bearerguard/bearerguard/middleware"
)

// hostileFields returns what a stranger may send in one Authorization field.
func hostileFields() map[string]string {
	fields := map[string]string{
		"64 KiB token":                    "Bearer " + strings.Repeat("a", 64<<10),
		"1 MiB token":                     "Bearer " + strings.Repeat("a", 1<<20),
		"1 MiB of dots":                   "Bearer " + strings.Repeat(".", 1<<20),
		"1 MiB of padding":                "Bearer " + strings.Repeat("=", 1<<20),
		"16 KiB of padding":               "Bearer " + strings.Repeat("=", 16<<10),
		"64 KiB of spaces and a token":    "Bearer" + strings.Repeat(" ", 64<<10) + "x",
		"64 KiB of spaces":                strings.Repeat(" ", 64<<10),
		"64 KiB of tabs":                  "Bearer" + strings.Repeat("\t", 64<<10) + "x",
		"64 KiB scheme":                   strings.Repeat("Bearer", 64<<10/6),
		"64 KiB of commas":                "Bearer " + strings.Repeat(",", 64<<10),
		"64 KiB of quotes":                "Bearer " + strings.Repeat(`"`, 64<<10),
		"16 KiB list of good credentials": strings.Repeat("Bearer "+goodToken+",", 500),
		"header injection":                "Bearer x\r\nWWW-Authenticate: Basic",
		"invalid UTF-8":                   "Bearer \xff\xfe",
		"UTF-16":                          "\xff\xfeB\x00e\x00a\x00r\x00e\x00r\x00",
		"full-width letters":              "Ｂｅａｒｅｒ " + goodToken,
		"zero-width space":                "Bearer\u200b " + goodToken,
		"byte order mark":                 "\ufeffBearer " + goodToken,
		"format verbs":                    "Bearer %s%n%v",
		"JSON":                            `Bearer {"alg":"none"}`,
	}
	for c := range 256 {
		if c != ' ' && c != '\t' && !strings.ContainsRune("-._~+/=", rune(c)) && !isAlphanumeric(byte(c)) {
			fields["byte "+string(rune(c))+" in the token"] = "Bearer " + goodToken + string([]byte{byte(c)}) + goodToken
			fields["byte "+string(rune(c))+" at its end"] = "Bearer " + goodToken + string([]byte{byte(c)})
			fields["byte "+string(rune(c))+" before it"] = "Bearer " + string([]byte{byte(c)}) + goodToken
		}
		if c != ' ' {
			fields["byte "+string(rune(c))+" after the scheme"] = "Bearer" + string([]byte{byte(c)}) + goodToken
		}
	}
	return fields
}

func isAlphanumeric(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z'
}

// The answer to all of them is a 4xx, and the handler does not run.
func TestHostileFields(t *testing.T) {
	never := http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("the handler was called") })
	// A verifier that must only get well-formed tokens: all others are refused before.
	gullible := verifierFunc(func(_ context.Context, token string, _ ...claims.Proof) (*claims.Claims, error) {
		assert.True(t, strings.HasPrefix(token, "a") && len(token) <= 16<<10 || token == "x", "verifier asked for %.20q", token)
		return nil, claims.ErrMalformed
	})
	own, err := claims.NewVerifier(claims.Config{Issuers: []claims.Issuer{{URL: issuerURL, Audiences: []string{api}, Keys: keySet{}}}})
	assert.NoError(t, err)
	for _, verifier := range []middleware.Verifier{gullible, own} {
		h := newAuth(t, verifier).RequireScopes("a")(never)
		for rule, field := range hostileFields() {
			a := serve(t, h, get(field))
			assert.Contains(t, []int{400, 401}, a.Status, rule)
			assert.NotContains(t, a.Header.Get("WWW-Authenticate"), "Basic", rule)
		}
		for rule, fields := range map[string][]string{
			"10,000 fields":       make([]string, 10_000),
			"10,000 good fields":  strings.Split(strings.Repeat("Bearer "+goodToken+"\n", 10_000), "\n"),
			"empty and good ones": {"", "Bearer " + goodToken},
		} {
			assert.Equal(t, http.StatusBadRequest, serve(t, h, get(fields...)).Status, rule)
		}
	}
}

// The refusal of a long field costs no more than that of a short one.
func TestHostileFieldsAllocateNothing(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	fields := hostileFields()
	guard := newAuth(t, refusing(claims.ErrMalformed)).GuardAuthenticated()
	ctx := t.Context()
	for _, rule := range []string{"64 KiB token", "1 MiB token", "16 KiB of padding", "64 KiB of commas", "64 KiB scheme"} {
		request := middleware.Request{Authorization: []string{fields[rule]}}
		allocations := testing.AllocsPerRun(10, func() { _, _ = guard.Authenticate(ctx, request) })
		assert.LessOrEqual(t, allocations, 1.0, "%s: only the *Error", rule)
	}
}
