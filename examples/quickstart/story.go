package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/bearerguard/bearerguard/jwks/jwkstest"
)

func tell(ctx context.Context, s *stage, w *world) {
	s.say("An issuer, an API and its clients, all in this process.\n")
	s.say("    issuer  %s   issues tokens and publishes its keys", w.issuer.URL())
	s.say("    API     %s    takes the tokens of that issuer", w.apiURL)

	token := tellOfTheToken(ctx, s, w)
	if token == "" {
		return // and there is nothing more to tell
	}
	tellOfRefusals(ctx, s, w, token)
	tellOfRotation(ctx, s, w)
	tellOfTheOutage(ctx, s, w, token)
}

// tellOfTheToken returns the token, or "" if there is none.
func tellOfTheToken(ctx context.Context, s *stage, w *world) string {
	s.scene("A client asks the issuer for a token (client credentials, RFC 6749 section 4.4)")
	form := url.Values{
		"grant_type": {"client_credentials"}, "audience": {audience},
		"client_id": {clientID}, "client_secret": {clientSecret},
	}
	request, _ := http.NewRequestWithContext(ctx, http.MethodPost, w.issuer.TokenURL(), strings.NewReader(form.Encode()))
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	a := w.send(request)
	token := tokenIn(a.body)
	shown := a
	if token != "" {
		shown.body = strings.ReplaceAll(a.body, token, shorten(token))
	}
	s.exchange(request, "grant_type=client_credentials client_id="+clientID+" client_secret=... audience="+audience, shown)
	s.judge(a, want{200, "-", `"access_token":"ey`}, "the client is known, and granted read:timesheets for that audience")
	if token == "" {
		return ""
	}
	header, rest, _ := strings.Cut(token, ".")
	claims, _, _ := strings.Cut(rest, ".")
	s.say("\n    What is in it:\n\n    %s\n    %s", indented(header), indented(claims))

	s.scene("It calls the API with the token")
	s.ask(ctx, w, token, want{200, "-", `"sub":"` + clientID + `@clients"`},
		"issuer, audience, time, signature and scope are right; the handler sees the claims")
	return token
}

func tokenIn(body string) string {
	var granted struct {
		Token string `json:"access_token"`
	}
	_ = json.Unmarshal([]byte(body), &granted) // a refusal has none
	return granted.Token
}

func indented(segment string) string {
	text, _ := base64.RawURLEncoding.DecodeString(segment)
	var out bytes.Buffer
	_ = json.Indent(&out, text, "    ", "  ")
	return out.String()
}

func tellOfRefusals(ctx context.Context, s *stage, w *world, token string) {
	for _, scene := range []struct {
		title, token string
		want         want
		why          string
	}{
		{
			"Without a token", "",
			want{401, `Bearer realm="timesheets", scope="read:timesheets"`, ""},
			"nothing was presented, so there is no error code: only what is needed (RFC 6750 section 3.1)",
		},
		{
			"With a token that expired an hour ago", w.expiredToken(),
			want{401, `error="invalid_token"`, ""},
			"on or after exp a token is not accepted (RFC 7519 section 4.1.4)",
		},
		{
			"With a token for another API", w.token(map[string]any{"aud": "https://payroll.example.com"}),
			want{401, `error="invalid_token"`, ""},
			"aud does not have this API; whoever got the token there cannot use it here (RFC 9700 section 2.3)",
		},
		{
			"With a token that says it needs no signature (alg: none)",
			w.token(nil, jwkstest.SignedBy(jwkstest.Key{Algorithm: "none"})),
			want{401, `error="invalid_token"`, ""},
			"none is not an algorithm that anybody is allowed to choose (RFC 8725 section 3.1)",
		},
		{
			"With a tampered token: read:timesheets became write:timesheets",
			jwkstest.TamperClaims(token, map[string]any{"scope": "write:timesheets"}),
			want{401, `error="invalid_token"`, ""},
			"the signature is one of other bytes; the scope in it was not even looked at",
		},
	} {
		s.scene(scene.title)
		s.ask(ctx, w, scene.token, scene.want, scene.why)
	}
	s.scene("With a good token that lacks the scope of the route")
	request := w.request(ctx, http.MethodPost, token)
	a := w.send(request)
	s.exchange(request, "", a)
	s.judge(a, want{403, `error="insufficient_scope", error_description="`, ""}, "the token is valid, but it may only read")
	s.judge(a, want{403, `scope="write:timesheets"`, ""}, "the challenge names what is missing (RFC 6750 section 3.1)")
}

func tellOfRotation(ctx context.Context, s *stage, w *world) {
	const clients, requests = 8, 25
	s.scene(fmt.Sprintf("The issuer rotates its key while %d clients are calling", clients))
	old, fetched := w.issuer.SigningKey(), w.issuer.Count(jwkstest.JWKS)
	var group sync.WaitGroup
	var answered, refused atomic.Int64
	for range clients {
		group.Go(func() {
			for range requests {
				if w.send(w.request(ctx, http.MethodGet, w.token(nil))).status != http.StatusOK {
					refused.Add(1)
				}
				if answered.Add(1) == clients*requests/2 {
					w.issuer.Rotate()
				}
			}
		})
	}
	group.Wait()
	fresh := w.issuer.SigningKey()
	fetched = w.issuer.Count(jwkstest.JWKS) - fetched
	s.say("    %d requests, each with a token of its own", answered.Load())
	s.say("    signed by %s at first, by %s from the middle on", old.ID, fresh.ID)
	s.say("    %d failed, and the key set was fetched %d time more", refused.Load(), fetched)
	if old.ID == fresh.ID || refused.Load() > 0 || fetched != 1 {
		s.fail("no request should fail, and one fetch should be enough")
		return
	}
	s.pass("the first token with an unknown kid caused one fetch, which all others shared")
}

func tellOfTheOutage(ctx context.Context, s *stage, w *world, token string) {
	s.scene("The issuer goes down")
	for _, e := range []jwkstest.Endpoint{jwkstest.Discovery, jwkstest.Metadata, jwkstest.JWKS, jwkstest.TokenEndpoint} {
		w.issuer.Fail(e, jwkstest.Reset())
	}
	request, _ := http.NewRequestWithContext(ctx, http.MethodGet, w.issuer.JWKSURL(), nil)
	a := w.send(request)
	s.exchange(request, "", a)
	if a.err == nil {
		s.fail("the issuer should be down")
	} else {
		s.pass("neither tokens nor keys are to be had")
	}

	s.scene("A token from before goes on working")
	s.ask(ctx, w, token, want{200, "-", ""}, "its key is known; keys are kept for a day while the issuer is down")

	s.scene("So does one that the API has never seen, if its key is known")
	s.ask(ctx, w, w.token(nil), want{200, "-", ""}, "nothing has to be asked of the issuer")

	s.scene("A token of a key that nobody could look up")
	unseen := jwkstest.NewKey("ES256")
	w.issuer.Publish(unseen)
	unknown := w.token(nil, jwkstest.SignedBy(unseen))
	s.ask(ctx, w, unknown, want{503, "-", ""}, "an outage is never reported as a bad token: try again, with the same one")

	s.scene("The issuer is back")
	w.issuer.Recover()
	s.ask(ctx, w, unknown, want{200, "-", ""}, "the same token, accepted as soon as its key can be fetched; nobody restarted anything")
}

// ask is a GET of the timesheets.
func (s *stage) ask(ctx context.Context, w *world, token string, expected want, why string) {
	request := w.request(ctx, http.MethodGet, token)
	a := w.send(request)
	s.exchange(request, "", a)
	s.judge(a, expected, why)
}

// request has no token if token is empty.
func (w *world) request(ctx context.Context, method, token string) *http.Request {
	request, _ := http.NewRequestWithContext(ctx, method, w.apiURL+"/timesheets", nil)
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	return request
}

func (w *world) send(request *http.Request) answer {
	response, err := w.client.Do(request)
	if err != nil {
		return answer{err: err}
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, 1<<20))
	return answer{response.StatusCode, response.Header, string(body), err}
}
