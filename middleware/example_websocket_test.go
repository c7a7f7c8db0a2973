package middleware_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/bearerguard/bearerguard/jwks/jwkstest"
	"github.com/bearerguard/bearerguard/middleware"
)

// bearerProtocol is what a page puts in front of its token, as one of the subprotocols:
//
//	new WebSocket("wss://api.example/feed", ["chat", "bearer." + token])
//
// There must be another one that the server can choose: browsers end a websocket for which it
// chooses none.
const bearerProtocol = "bearer."

// tokenFromSubprotocol moves the token of a websocket handshake into the Authorization field. A page
// cannot set that field. The token is taken out of the subprotocols: the server would otherwise
// choose it as the subprotocol, and so send it back.
//
// Only the handler of the websocket is wrapped: other routes must not read tokens from there. A
// request that begins no websocket loses its token, too. Two tokens, or a token beside an
// Authorization field, are refused: each party on the way could take another one.
func tokenFromSubprotocol(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var others, tokens []string
		for _, line := range r.Header.Values("Sec-Websocket-Protocol") {
			for name := range strings.SplitSeq(line, ",") {
				name = strings.TrimSpace(name)
				if token, ok := strings.CutPrefix(name, bearerProtocol); ok {
					tokens = append(tokens, "Bearer "+token)
				} else if name != "" {
					others = append(others, name)
				}
			}
		}
		r = r.Clone(r.Context())
		r.Header.Del("Sec-Websocket-Protocol")
		if len(others) > 0 {
			r.Header.Set("Sec-Websocket-Protocol", strings.Join(others, ", "))
		}
		if strings.EqualFold(r.Header.Get("Upgrade"), "websocket") {
			r.Header["Authorization"] = append(r.Header["Authorization"], tokens...) // two are a 400
		}
		next.ServeHTTP(w, r)
	})
}

// Pages open websockets without an Authorization field: the browser gives them no way to set it. A
// token in the URL would be in logs. This handshake has it among the subprotocols.
func Example_websocket() {
	issuer := jwkstest.NewIssuer(jwkstest.Config{})
	auth, err := middleware.New(middleware.Config{
		Issuer: issuer.URL(), Audiences: []string{jwkstest.Audience}, Client: issuer.Client(),
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	feed := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// A websocket library chooses the subprotocol from this field. It sees no token.
		fmt.Println("offered:", r.Header.Get("Sec-Websocket-Protocol"))
		w.WriteHeader(http.StatusSwitchingProtocols)
	})
	mux := http.NewServeMux()
	mux.Handle("GET /feed", tokenFromSubprotocol(auth.RequireScopes("read:example")(feed)))
	mux.Handle("GET /other", auth.Handler(feed))

	token := issuer.Token(nil)
	call := func(path, upgrade string, protocols ...string) {
		w, r := httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, path, nil)
		r.Header.Set("Upgrade", upgrade)
		r.Header["Sec-Websocket-Protocol"] = protocols
		mux.ServeHTTP(w, r)
		fmt.Println(w.Code, strings.Contains(fmt.Sprint(w.Result().Header), token))
	}
	call("/feed", "websocket", "chat, bearer."+token)
	call("/feed", "websocket", "chat")
	call("/feed", "websocket", "bearer."+token, "bearer."+token)
	call("/feed", "websocket", "chat, bearer.")
	call("/feed", "", "chat, bearer."+token)
	call("/other", "websocket", "bearer."+token)
	// Output:
	// offered: chat
	// 101 false
	// 401 false
	// 400 false
	// 400 false
	// 401 false
	// 401 false
}
