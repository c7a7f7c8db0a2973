package main

import (
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// shown returns the value that is shown of one claim.
func shown(t *testing.T, v viewer, claim string) string {
	t.Helper()
	c := v.read(signed(`{}`, "{"+claim+"}"))
	require.Empty(t, c.notShown)
	require.Len(t, c.claims, 1)
	require.True(t, json.Valid([]byte(c.claims[0].value)), c.claims[0].value)
	return printable(c.claims[0].name) + ": " + c.claims[0].value
}

// Nothing of a token reaches a terminal but printable ASCII.
func TestHostileValues(t *testing.T) {
	for name, test := range map[string]struct{ claim, want string }{
		"an escape sequence":  {`"a":"\u001b[31mred"`, `a: "\u001b[31mred"`},
		"a control character": {`"a":"x\u0007\b\f\n\r\ty"`, `a: "x\u0007\u0008\u000c\u000a\u000d\u0009y"`},
		"C1, which is CSI":    {"\"a\":\"\u009b31m\"", `a: "\u009b31m"`},
		"delete":              {"\"a\":\"\u007f\"", `a: "\u007f"`},
		"a bidi override":     {"\"a\":\"\u202egnp.exe\"", `a: "\u202egnp.exe"`},
		"a bidi isolate":      {"\"a\":\"\u2066\u2069\"", `a: "\u2066\u2069"`},
		"a letter like ASCII": {"\"a\":\"\u0430pi\"", `a: "\u0430pi"`},
		"beyond the BMP":      {"\"a\":\"\U0001f600\"", `a: "\ud83d\ude00"`},
		"zero width":          {"\"a\":\"a\u200bb\ufeff\"", `a: "a\u200bb\ufeff"`},
		"a quotation mark":    {`"a":"\"\\"`, `a: "\"\\"`},
		"a name":              {`"a\u001b]0;x\u0007":1`, `a\u001b]0;x\u0007: 1`},
		"a nested name":       {`"a":{"\u001b":{"\u202e":[true]}}`, `a: {"\u001b":{"\u202e":[true]}}`},
		"white space":         {`"a": [ 1 , { "b" : null } ]`, `a: [1,{"b":null}]`},
		"a number":            {`"a":1.5e3`, `a: 1.5e3`},
		"an endless number":   {`"a":` + strings.Repeat("1", 41), `a: "[number of 41 characters]"`},
		"an endless string":   {`"a":"` + strings.Repeat("x", 201) + `"`, `a: "` + strings.Repeat("x", 200) + `... (201 bytes)"`},
		"an endless name":     {`"` + strings.Repeat("x", 61) + `":1`, strings.Repeat("x", 60) + "... (61 bytes): 1"},
		"cut between letters": {`"a":"` + strings.Repeat("\u00e9", 201) + `"`, `a: "` + strings.Repeat(`\u00e9`, 200) + `... (402 bytes)"`},
		"as long as fits":     {`"a":"` + strings.Repeat("x", 200) + `"`, `a: "` + strings.Repeat("x", 200) + `"`},
		"nothing":             {`"":""`, `: ""`},
	} {
		t.Run(name, func(t *testing.T) {
			assert.Equal(t, test.want, shown(t, viewer{}, test.claim))
		})
	}
}

func TestPersonalClaimsAreRedacted(t *testing.T) {
	for name, claim := range map[string]string{
		"OpenID Connect":     `"email":"secret"`,
		"an object":          `"address":{"country":"secret"}`,
		"an array":           `"emails":["secret"]`,
		"a number":           `"phone_number":49123`,
		"nested":             `"ext":{"deep":[{"given_name":"secret"}]}`,
		"a namespace":        `"https://example.com/email":"secret"`,
		"SAML":               `"http://schemas.xmlsoap.org/ws/2005/05/identity/claims/emailaddress":"secret"`,
		"Cognito":            `"custom:birthdate":"secret"`,
		"camel case":         `"familyName":"secret"`,
		"upper case":         `"UPN":"secret"`,
		"Entra":              `"unique_name":"secret"`,
		"Entra's address":    `"ipaddr":"secret"`,
		"an address in sub":  `"sub":"secret@example.com"`,
		"an address in list": `"members":["secret@example.com"]`,
	} {
		t.Run(name, func(t *testing.T) {
			text := shown(t, viewer{}, claim)
			assert.Contains(t, text, "[redacted]")
			assert.NotContains(t, text, "secret")
			assert.NotContains(t, text, "49123")
			assert.NotContains(t, shown(t, viewer{personal: true}, claim), "[redacted]")
		})
	}
}

func TestOtherClaimsAreShown(t *testing.T) {
	for _, claim := range []string{
		`"sub":"auth0|1"`, `"sub":"client@clients"`, `"azp":"x"`, `"email_verified":true`, `"sid":"x"`, `"https://example.com/":"x"`,
		`"username_hash":"x"`, `"client_name_id":"x"`, `"":"x"`,
	} {
		assert.NotContains(t, shown(t, viewer{}, claim), "redacted")
	}
}

// Not even -show-personal shows a token inside a claim.
func TestTokensInsideClaims(t *testing.T) {
	for _, v := range []viewer{{}, {personal: true}} {
		assert.Equal(t, `a: "[token of 77 characters]"`, shown(t, v, `"a":"`+hello+`"`))
		assert.Equal(t, `a: {"b":["[token of 84 characters]"]}`, shown(t, v, `"a":{"b":["Bearer `+hello+`"]}`))
	}
}

func TestTimesInWords(t *testing.T) {
	v := viewer{now: at()}
	for name, test := range map[string]struct{ claims, want string }{
		"exp":          {`{"exp":1796127780}`, "2026-12-01 12:23:00 UTC, in 23 min"},
		"iat":          {`{"iat":1796119200}`, "2026-12-01 10:00:00 UTC, 2 h ago"},
		"a fraction":   {`{"nbf":1796126400.5}`, "2026-12-01 12:00:00 UTC, now"},
		"auth_time":    {`{"auth_time":0}`, "1970-01-01 00:00:00 UTC, 56 years ago"},
		"milliseconds": {`{"exp":1796127780000}`, "not a time in seconds"},
		"a string":     {`{"exp":"1796127780"}`, "not a time in seconds"},
		"null":         {`{"exp":null}`, "not a time in seconds"},
		"another":      {`{"ver":1796127780}`, ""},
	} {
		t.Run(name, func(t *testing.T) {
			c := v.read(signed(`{}`, test.claims))
			require.Len(t, c.claims, 1)
			assert.Equal(t, test.want, c.claims[0].words)
		})
	}
}

func TestDistance(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0:                            "now",
		999 * time.Millisecond:       "now",
		-999 * time.Millisecond:      "now",
		time.Second:                  "in 1 s",
		-59*time.Second - 999:        "59 s ago",
		time.Minute:                  "in 1 min",
		59*time.Minute + time.Second: "in 59 min",
		time.Hour:                    "in 1 h",
		-2*time.Hour - 5*time.Minute: "2 h 5 min ago",
		2*day - time.Second:          "in 47 h 59 min",
		2 * day:                      "in 2 days",
		-2*year + time.Second:        "729 days ago",
		26*year + 100*day:            "in 26 years",
		time.Duration(1<<63 - 1):     "in more than 100 years",
		time.Duration(-1<<63 + 1):    "more than 100 years ago",
		time.Duration(-1 << 63):      "more than 100 years ago",
	} {
		assert.Equal(t, want, distance(d), d)
	}
}

// What cannot be shown has a fixed text, and the rest is shown.
func TestNotShown(t *testing.T) {
	segment := func(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }
	for name, test := range map[string]struct {
		token          string
		header, claims int
		notShown       []string
	}{
		"opaque":             {"secret", 0, 0, []string{"header not shown: not base64url", "claims not shown: not three segments"}},
		"encrypted":          {segment(`{"alg":"dir","enc":"A256GCM"}`) + "..a.b.c", 2, 0, []string{"claims not shown: encrypted tokens (JWE) are not accepted"}},
		"header not base64":  {"Bearer " + hello, 0, 1, []string{"header not shown: not base64url"}},
		"payload not base64": {segment(`{"a":1}`) + ".secret=.x", 1, 0, []string{"claims not shown: not base64url"}},
		"a duplicate":        {segment(`{"a":1}`) + "." + segment(`{"x":1,"x":2}`) + ".x", 1, 0, []string{"claims not shown: not strict JSON"}},
		"no object":          {segment(`[]`) + "." + segment(`1`) + ".x", 0, 0, []string{"header not shown: not a JSON object", "claims not shown: not a JSON object"}},
		"too long":           {segment(`{"a":1}`) + "." + strings.Repeat("x", maxShown), 0, 0, []string{"header and claims not shown: the token is longer than 16 KiB"}},
		"nothing":            {"", 0, 0, []string{"header not shown: not a JSON object", "claims not shown: not three segments"}},
	} {
		t.Run(name, func(t *testing.T) {
			c := viewer{}.read(test.token)
			assert.Len(t, c.header, test.header)
			assert.Len(t, c.claims, test.claims)
			assert.Equal(t, test.notShown, c.notShown)
		})
	}
}

func TestSignatureLength(t *testing.T) {
	assert.Equal(t, 64, viewer{}.read(signed(`{}`, `{}`)).signatureBytes)
	assert.Equal(t, 0, viewer{}.read("e30.e30.").signatureBytes)
}
