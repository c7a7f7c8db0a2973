package claims_test

import (
	"context"
	"encoding/base64"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/claims"
	"github.com/bearerguard/bearerguard/claims/explain"
)

// maxReportBytes is the length that all texts of a report can have together.
const maxReportBytes = 32 << 10

// requireHarmless requires that a report is short, that it has only printable ASCII, and that it
// does not have the signature of the token or a text that is no token.
func requireHarmless(t testing.TB, token string, r explain.Report) {
	t.Helper()
	var all strings.Builder
	for _, s := range r.Steps {
		for _, text := range []string{s.Check, string(s.Result), s.Reason, s.Detail, s.Expected, s.Received, s.Standard, s.Hint} {
			all.WriteString(text + "\n")
		}
	}
	text := all.String()
	require.Less(t, len(text), maxReportBytes)
	require.False(t, strings.ContainsFunc(text, func(r rune) bool { return r != '\n' && (r < ' ' || r > '~') }), "%q", text)
	secret := token
	if strings.Count(token, ".") == 2 {
		secret = token[strings.LastIndexByte(token, '.')+1:]
	}
	if len(secret) > 40 && !strings.Contains(decoded(token), secret[:20]) {
		require.NotContains(t, text, secret[:20])
	}
}

// decoded returns what header and payload hold.
func decoded(token string) string {
	var text []byte
	for segment := range strings.SplitSeq(token, ".") {
		text, _ = base64.RawURLEncoding.AppendDecode(text, []byte(segment))
	}
	return string(text)
}

func hostileTokens() map[string]string {
	repeat := func(open, item, end string, count int) string { return open + strings.Repeat(item, count) + end }
	everywhere := `"\u0000\u001b[31m\u202e\u2028<script>\n` + strings.Repeat("x", 1000) + `"`
	return map[string]string{
		"16 KiB of junk":          strings.Repeat("a", 16<<10),
		"16 KiB of dots":          strings.Repeat(".", 16<<10),
		"16 KiB of percent signs": strings.Repeat("%2", 8<<10),
		"1 MiB":                   strings.Repeat("a.", 512<<10),
		"a long audience":         token(members{"aud": repeat(`["x"`, `,"\u0000"`, "]", 1000)}),
		"a long cnf":              token(members{"cnf": "{" + manyMembers(800) + "}"}),
		"many claims":             sign(goodHeader, payload(nil)[:len(payload(nil))-1]+","+manyMembers(800)+"}"),
		"deep nesting":            token(members{"x": repeat("", "[", "", 5000) + repeat("", "]", "", 5000)}),
		"as deep as allowed":      token(members{"x": repeat("", "[", "", 32) + repeat("", "]", "", 32)}),
		"a kid of 16 KiB":         header(`{"alg":"EdDSA","kid":"` + strings.Repeat("k", 11<<10) + `"}`),
		"a kid of control bytes":  header(`{"alg":"EdDSA","kid":"` + strings.Repeat(`\u0001`, 256) + `"}`),
		"an alg of 11 KiB":        header(`{"alg":"` + strings.Repeat("a", 11<<10) + `"}`),
		"a typ of 11 KiB":         header(`{"alg":"EdDSA","typ":"` + strings.Repeat("\u00e9", 5<<10) + `"}`),
		"an iss of 11 KiB":        from(strings.Repeat("https://", 1300)),
		"scopes of 11 KiB":        token(members{"scope": repeat(`"`, `\u00e9 `, `"`, 1500)}),
		"escapes everywhere": token(members{
			"iss": everywhere, "sub": everywhere, "aud": everywhere, "azp": everywhere, "scope": everywhere, "typ": everywhere,
			"token_use": everywhere, "cnf": `{` + everywhere + `:1}`,
		}),
		"escapes of ours": token(members{
			"aud": everywhere, "azp": everywhere, "scope": everywhere, "typ": everywhere, "cnf": `{` + everywhere + `:1}`,
			"resource_access": `{` + everywhere + `:{"roles":["admin"]}}`, everywhere[1:20]: everywhere,
		}),
	}
}

// A stranger can choose every byte of a token that someone explains.
func TestExplainOfHostileTokens(t *testing.T) {
	issuers := ownIssuer(func(i *claims.Issuer) {
		i.ClaimValues = map[string]string{"typ": "\u00fcber", "token_use": "x"}
		i.WithoutAudience = &claims.WithoutAudience{ClientIDs: []string{"\u00fc"}, ClientIDClaim: "\u00fc"}
	})
	v := newVerifier(t, issuers...)
	for rule, token := range hostileTokens() {
		t.Run(rule, func(t *testing.T) {
			requireHarmless(t, token, explained(t, v, token, explain.Options{Scopes: []string{"admin"}}))
		})
	}
}

// The memory for a report is bounded by the length of the token, and a token that is too long
// is not read.
func TestMemoryOfExplainIsBounded(t *testing.T) {
	if claims.RaceEnabled {
		t.Skip("the race detector allocates")
	}
	v := newVerifier(t, ownIssuer()...)
	bytesOf := func(token string) float64 {
		const runs = 10
		var before, after runtime.MemStats
		explained(t, v, token, explain.Options{Scopes: []string{"admin"}})
		runtime.ReadMemStats(&before)
		for range runs {
			explained(t, v, token, explain.Options{Scopes: []string{"admin"}})
		}
		runtime.ReadMemStats(&after)
		return float64(after.TotalAlloc-before.TotalAlloc) / runs
	}
	for rule, token := range hostileTokens() {
		t.Run(rule, func(t *testing.T) {
			assert.Less(t, bytesOf(token), 32.0*float64(16<<10), "32 bytes for each one of the longest token")
		})
	}
	assert.Less(t, bytesOf(strings.Repeat("a", 16<<10)), float64(16<<10), "junk")
	assert.Less(t, bytesOf(strings.Repeat("a.", 512<<10)), float64(16<<10), "too long")
}

// A Verifier explains for several callers at once, while it verifies for others.
func TestExplainIsSafeForConcurrentUse(t *testing.T) {
	v := newVerifier(t, ownIssuer()...)
	tokens := []string{token(nil), token(members{"exp": "1"}), from("https://issuer.example"), "x", header(`{"alg":"EdDSA","kid":"x"}`)}
	var want []explain.Report
	for _, token := range tokens {
		want = append(want, explained(t, v, token, explain.Options{}))
	}
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			for n, token := range tokens {
				assert.Equal(t, want[n], v.Explain(context.Background(), token, explain.Options{}))
				_, _ = v.Verify(context.Background(), token)
			}
		})
	}
	group.Wait()
}
