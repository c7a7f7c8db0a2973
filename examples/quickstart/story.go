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
	s.say("    API     %s    accepts the tokens of that issuer", w.apiURL)

	token := tellOfTheToken(ctx, s, w)
	if token == "" {
		return // nothing else works without a token
	}
	tellOfRefusals(ctx, s, w, token)
	tellOfBoundTokens(ctx, s, w)
	tellOfRotation(ctx, s, w)
	tellOfTheOutage(ctx, s, w, token)
}

// tellOfTheToken returns the token, or "" if the client got none.
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
	s.judge(a, want{200, "-", `"access_token":"ey`}, "the issuer knows the client and has granted it read:timesheets for this audience")
	if token == "" {
		return ""
	}
	header, rest, _ := strings.Cut(token, ".")
	claims, _, _ := strings.Cut(rest, ".")
	s.say("\n    What is in it:\n\n    %s\n    %s", indented(header), indented(claims))

	s.scene("The client calls the API with the token")
	s.ask(ctx, w, token, want{200, "-", `"sub":"` + clientID + `@clients"`},
		"issuer, audience, time, signature and scope are right; the handler reads the claims")
	return token
}

func tokenIn(body string) string {
	var granted struct {
		Token string `json:"access_token"`
	}
	_ = json.Unmarshal([]byte(body), &granted) // a refusal has no token
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
			"without a token there is no error code, only what the route needs (RFC 6750 section 3.1)",
		},
		{
			"With a token that expired an hour ago", w.expiredToken(),
			want{401, `error="invalid_token"`, ""},
			"a token must not be accepted on or after its exp (RFC 7519 section 4.1.4)",
		},
		{
			"With a token for another API", w.token(map[string]any{"aud": "https://payroll.example.com"}),
			want{401, `error="invalid_token"`, ""},
			"aud does not name this API, so a token stolen from another API is useless here (RFC 9700 section 2.3)",
		},
		{
			"With an unsigned token (alg: none)",
			w.token(nil, jwkstest.SignedBy(jwkstest.Key{Algorithm: "none"})),
			want{401, `error="invalid_token"`, ""},
			"the API accepts only the algorithms that it lists, and none is never one of them (RFC 8725 section 3.1)",
		},
		{
			"With a tampered token: read:timesheets was changed to write:timesheets",
			jwkstest.TamperClaims(token, map[string]any{"scope": "write:timesheets"}),
			want{401, `error="invalid_token"`, ""},
			"the signature is for other bytes, so the changed scope is never checked",
		},
	} {
		s.scene(scene.title)
		s.ask(ctx, w, scene.token, scene.want, scene.why)
	}
	s.scene("With a valid token that lacks the scope of the route")
	request := w.request(ctx, http.MethodPost, token)
	a := w.send(request)
	s.exchange(request, "", a)
	s.judge(a, want{403, `error="insufficient_scope", error_description="`, ""}, "the token is valid, but only for reading")
	s.judge(a, want{403, `scope="write:timesheets"`, ""}, "the challenge names the missing scope (RFC 6750 section 3.1)")
}

func tellOfBoundTokens(ctx context.Context, s *stage, w *world) {
	key := jwkstest.NewKey("ES256") // of the client; it never leaves the client
	token := w.token(map[string]any{"cnf": map[string]any{"jkt": key.Thumbprint()}})
	proof := jwkstest.Proof(key, http.MethodGet, w.apiURL+"/timesheets", token, nil)
	for _, scene := range []struct {
		title, scheme, proof string
		want                 want
		why                  string
	}{
		{
			"With a token that is bound to the client's key, and a proof by that key (DPoP)", "DPoP ", proof,
			want{200, "-", ""},
			"the proof is for this token, method and URL, and was made just now (RFC 9449 section 4.3)",
		},
		{
			"A thief sends the stolen token without the key", "Bearer ", "",
			want{401, `DPoP realm="timesheets", error="invalid_token"`, ""},
			"a bound token is no bearer token (RFC 9449 section 7.2)",
		},
		{
			"The thief has the proof as well, and sends both again", "DPoP ", proof,
			want{401, `error="invalid_dpop_proof"`, ""},
			"each proof is good once (RFC 9449 section 11.1)",
		},
	} {
		s.scene(scene.title)
		request := w.request(ctx, http.MethodGet, "")
		request.Header.Set("Authorization", scene.scheme+token)
		if scene.proof != "" {
			request.Header.Set("DPoP", scene.proof)
		}
		a := w.send(request)
		s.exchange(request, "", a)
		s.judge(a, scene.want, scene.why)
	}
}

func tellOfRotation(ctx context.Context, s *stage, w *world) {
	const clients, requests = 8, 25
	s.scene(fmt.Sprintf("The issuer rotates its key while %d clients call the API", clients))
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
	s.say("    %d requests, each with a new token", answered.Load())
	s.say("    the first half signed by %s, the second half by %s", old.ID, fresh.ID)
	s.say("    failed requests: %d; further fetches of the key set: %d", refused.Load(), fetched)
	if old.ID == fresh.ID || refused.Load() > 0 || fetched != 1 {
		s.fail("no request should fail, and one fetch should be enough")
		return
	}
	s.pass("the first token with an unknown kid caused one fetch, which all requests shared")
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
		s.pass("the issuer provides neither tokens nor keys")
	}

	s.scene("A token that the API has already accepted")
	s.ask(ctx, w, token, want{200, "-", ""}, "the API knows its key, and keeps keys for a day while the issuer is down")

	s.scene("A token that the API has never seen, signed by a known key")
	s.ask(ctx, w, w.token(nil), want{200, "-", ""}, "the API knows the key, so it asks the issuer for nothing")

	s.scene("A token signed by a new key, which the API cannot fetch")
	unseen := jwkstest.NewKey("ES256")
	w.issuer.Publish(unseen)
	unknown := w.token(nil, jwkstest.SignedBy(unseen))
	s.ask(ctx, w, unknown, want{503, "-", ""}, "an outage is never reported as a bad token: the client can try again with the same one")

	s.scene("The issuer is back")
	w.issuer.Recover()
	s.ask(ctx, w, unknown, want{200, "-", ""}, "the API fetches the key and accepts the same token, without a restart")
}

// ask sends a GET request for the timesheets, and prints and judges the answer.
func (s *stage) ask(ctx context.Context, w *world, token string, expected want, why string) {
	request := w.request(ctx, http.MethodGet, token)
	a := w.send(request)
	s.exchange(request, "", a)
	s.judge(a, expected, why)
}

// request returns a request for the timesheets. An empty token means none.
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
