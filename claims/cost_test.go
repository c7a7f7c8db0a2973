package claims_test

import (
	"context"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/bearerguard/bearerguard/claims"
)

// TestAllocations holds the ceilings of allocations per call. Ed25519 itself allocates nothing.
func TestAllocations(t *testing.T) {
	if claims.RaceEnabled {
		t.Skip("the race detector allocates")
	}
	for _, tc := range []struct {
		rule, token string
		most        float64
	}{
		{"first sight", sign(goodHeader, auth0Payload), 5},
		{"wrong issuer", token(members{"iss": `"https://evil.example/"`}), 7},
		{"wrong audience", token(members{"aud": `"https://other.example"`}), 7},
		{"expired", token(members{"exp": `1`}), 7},
		{"wrong algorithm", header(`{"alg":"HS256","kid":"k1"}`), 4},
		{"alg none", header(`{"alg":"none"}`), 4},
		{"not three segments", strings.Repeat("a.b", 300), 1},
		{"64 KiB of junk", strings.Repeat("a", 64<<10), 1},
	} {
		t.Run(tc.rule, func(t *testing.T) {
			v := verifierWith(t, -1, goodIssuer())
			allocs := testing.AllocsPerRun(200, func() { _, _ = v.Verify(context.Background(), tc.token) })
			assert.LessOrEqual(t, allocs, tc.most)
		})
	}
	v, token := verifierWith(t, 0, goodIssuer()), sign(goodHeader, auth0Payload)
	allocs := testing.AllocsPerRun(200, func() { _, _ = v.Verify(context.Background(), token) })
	assert.Zero(t, allocs, "seen before")
	c := parse(t, `{"scope":"a b c d"}`)
	assert.Zero(t, testing.AllocsPerRun(200, func() { c.HasScope("d") }))
	assert.LessOrEqual(t, testing.AllocsPerRun(200, func() { c.Scopes() }), 1.0)
	c = parse(t, `{"permissions":["a","b"],"realm_access":{"x":{},"roles":["c","d"]},"r":{"e":{}}}`)
	assert.Zero(t, testing.AllocsPerRun(200, func() { c.HasString("b", "permissions") }))
	assert.Zero(t, testing.AllocsPerRun(200, func() { c.HasString("d", "realm_access", "roles") }))
	assert.Zero(t, testing.AllocsPerRun(200, func() { c.HasString("e", "r", "*") }))
	assert.LessOrEqual(t, testing.AllocsPerRun(200, func() { c.Strings("permissions") }), 1.0)
	assert.LessOrEqual(t, testing.AllocsPerRun(200, func() { c.Strings("realm_access", "roles") }), 1.0)
}

// Reading a token must take memory in proportion to its length, whatever it contains.
func TestMemoryIsBoundedByTheTokensLength(t *testing.T) {
	if claims.RaceEnabled {
		t.Skip("the race detector allocates")
	}
	fill := func(open, item, end string, count int) string {
		return open + strings.Repeat(item, count) + end
	}
	v := verifierWith(t, -1, goodIssuer())
	for rule, text := range map[string]string{
		"many members":           "{" + manyMembers(1200) + "}",
		"many members, nested":   `{"x":{` + manyMembers(1200) + `}}`,
		"deep arrays":            fill(`{"x":`, "[", "", 11_000),
		"deep objects":           fill(``, `{"a":`, "", 2200),
		"as deep as allowed":     fill(`{"x":`, "[", strings.Repeat("]", 31)+"}", 31),
		"long list of audiences": fill(`{"aud":["x"`, `,""`, "]}", 3500),
		"many scopes":            payload(members{"scope": fill(`"`, "a ", `"`, 5000)}),
		"many scopes in a list":  payload(members{"scope": fill(`[""`, `,""`, "]", 3500)}),
		"long string":            payload(members{"x": fill(`"`, "x", `"`, 11_000)}),
		"escapes":                payload(members{"sub": fill(`"`, `\u0000`, `"`, 1900)}),
		"not JSON":               strings.Repeat("x", 11_000),
	} {
		t.Run(rule, func(t *testing.T) {
			token := sign(goodHeader, text)
			const runs = 20
			var before, after runtime.MemStats
			_, _ = v.Verify(context.Background(), token)
			runtime.ReadMemStats(&before)
			for range runs {
				_, _ = v.Verify(context.Background(), token)
			}
			runtime.ReadMemStats(&after)
			perByte := float64(after.TotalAlloc-before.TotalAlloc) / runs / float64(len(token))
			assert.Less(t, perByte, 16.0, "bytes allocated for each byte of the token")
			assert.Less(t, after.StackInuse, before.StackInuse+1<<20, "the stack must not grow with the nesting")
		})
	}
}

func manyMembers(count int) string {
	var names []string
	for i := range count {
		names = append(names, `"`+string(rune('A'+i%26))+strings.Repeat("y", i/26%10)+strings.Repeat("z", i/260)+`":0`)
	}
	return strings.Join(names, ",")
}
