package main

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"

	"github.com/bearerguard/bearerguard/claims/explain"
)

// Whatever a token says, text and JSON are printable ASCII and JSON is valid. Neither has the
// signature or a redacted value.
func FuzzContents(f *testing.F) {
	for _, payload := range []string{
		`{}`, `{"iss":"https://issuer.example/","exp":1796127780}`, `{"a":"\u001b[31m\u202e"}`, `{"email":"a","x":{"ip":["b"]}}`,
		`{"a":[[[{"b":1e400}]]]}`, "{\"\u009b\":\"\u009b\"}", `{"a":"\ud83d\ude00"}`, `{"a":"` + strings.Repeat("x", 300) + `"}`, `[]`, ``,
		`{"a":"` + hello + `"}`,
	} {
		f.Add(`{"alg":"ES256"}`, payload)
	}
	f.Fuzz(func(t *testing.T, header, payload string) {
		const signature = "c2lnbmF0dXJlLW9mLXRoaXMtdG9rZW4"
		segment := base64.RawURLEncoding.EncodeToString
		token := segment([]byte(header)) + "." + segment([]byte(payload)) + "." + signature
		e := explanation{
			report:  explain.Report{At: at(), Steps: []explain.Step{{Check: header, Received: payload, Hint: payload}}},
			token:   viewer{now: at()}.read(token),
			verdict: verdict{summary: header},
		}
		var text, document bytes.Buffer
		if err := writeText(false)(&text, e); err != nil {
			t.Fatal(err)
		}
		if err := writeJSON(&document, e); err != nil {
			t.Fatal(err)
		}
		for _, output := range []string{text.String(), document.String()} {
			if at := strings.IndexFunc(output, unprintable); at >= 0 {
				t.Errorf("not printable at %d: %q", at, output)
			}
			if strings.Contains(output, signature) && !strings.Contains(header+payload, signature) {
				t.Errorf("the signature is printed: %q", output)
			}
		}
		if !json.Valid(document.Bytes()) {
			t.Errorf("not JSON: %q", document.String())
		}
		for _, m := range e.token.claims {
			if isPersonal(m.name) && m.value != redacted {
				t.Errorf("%q is not redacted: %q", m.name, m.value)
			}
		}
	})
}

func unprintable(r rune) bool { return r != '\n' && (r < ' ' || r > '~') }
