// Package forwardauth decides for gateways: nginx (auth_request), Caddy (forward_auth), Traefik
// (ForwardAuth) and Envoy (ext_authz over HTTP). The gateway asks a [Handler] about each request
// of a client, and passes it on only if the answer is 200.
//
//	h, err := forwardauth.New(forwardauth.Config{
//		Format:         forwardauth.Nginx,
//		TrustedProxies: []netip.Prefix{netip.MustParsePrefix("10.0.3.0/24")},
//		Routes: []forwardauth.Route{
//			{Pattern: "GET /timesheets", Guard: auth.Guard(middleware.AllScopes("read:timesheets"))},
//			{Pattern: "POST /timesheets", Guard: auth.Guard(middleware.AllScopes("write:timesheets"))},
//		},
//		Headers: map[string]func(*claims.Claims) []string{"X-Auth-Subject": forwardauth.Claim("sub")},
//	})
//	…
//	log.Fatal(http.ListenAndServe("10.0.3.2:9000", h))
//
// A Guard decides as it does without a gateway, also about DPoP proofs: they are for the method
// and the target of the client's request, at one of dpop.Config.Origins.
//
// # What the gateway must do
//
// A Handler believes the gateway, and the API believes the fields that the gateway copies. So
// each gateway must do all of this. What it leaves out, a client can do:
//
//   - Ask about every request to the API. The API and the Handler must be reached by the gateway
//     only.
//   - Write the method and the target itself, over what the client wrote in these fields. With
//     those of the client, the client chooses the route that is checked.
//   - Copy each of Config.Headers to the request for the API, and remove what the client sent
//     under the name, also if the answer has no value. Otherwise the client chooses who it is.
//   - Remove every field with _ or a dot in its name. CGI and WSGI take them for a hyphen, so
//     that X_Auth_Subject is X-Auth-Subject. SCRIPT_NAME changes the path for some servers. A
//     few servers take all other signs for a hyphen, too: X!Auth!Subject.
//   - Drop the trailer of a request, or the API must keep it apart from the header. Some servers
//     append it to the header: fasthttp does, and so fiber. There X-Auth-Subject in a trailer
//     says who calls, if the gateway sends no such field.
//   - Pass Upgrade only as websocket, and only on routes that need it. After a 101 the connection
//     is a tunnel to the backend, in which nothing is checked: with h2c, a client can send
//     requests to any route. A Handler answers 400 if it sees another protocol, but nginx for
//     example does not show it the field. Newer versions of Caddy ask about a websocket over
//     HTTP/2 or HTTP/3 as CONNECT, and send the API a GET with Upgrade, also where the
//     configuration removes Upgrade. It needs a Route for CONNECT, with the Guard of GET.
//   - Send the API the target that was checked. What rewrites the path belongs behind the check.
//   - Pass a refusal on, with its status and all of WWW-Authenticate, DPoP-Nonce and Retry-After.
//   - Refuse if the Handler cannot be asked, and keep no answer.
//
// The directory examples/forwardauth has a configuration of nginx and one of Caddy that do so, and
// tests with the real programs. What Traefik and Envoy do is tested only by the requests that
// they document.
//
// nginx has no fields for the method and the target, so its configuration sets those of [Nginx]:
//
//	location = /_auth {
//		internal;
//		proxy_pass http://127.0.0.1:9000;
//		proxy_set_header X-Original-Method $request_method;
//		proxy_set_header X-Original-URI $request_uri;
//		proxy_pass_request_body off;
//		proxy_set_header Content-Length "";
//		proxy_buffer_size 16k;
//		proxy_buffers 4 16k;
//	}
//
// auth_request lets only 2xx, 401 and 403 through, and turns every other answer into a 500. The
// body is that of nginx. A 403 loses its challenge. A 401 with several challenges can lose all but
// the first one: if DPoP is optional, a request without a token gets one for Bearer, and then one
// for DPoP. The example restores 400, 503, Retry-After and the challenge of a 403 with
// auth_request_set and error_page. A challenge names all scopes of its Route. If the header of an
// answer is longer than proxy_buffer_size, by default 4 KiB, nginx takes it for a failure.
//
// proxy_set_header replaces the client's field, and sends none if its value is empty. A location
// with any proxy_set_header of its own inherits none from the server, and the same is true of
// add_header, but auth_request is inherited. So each location must repeat all of these lines, or
// the client's own claims pass. nginx drops fields with _ or . in their names, unless
// underscores_in_headers or ignore_invalid_headers is changed. It passes no Upgrade on, unless
// proxy_set_header does: never write $http_upgrade there. It drops trailers. A request line of more
// than 8 KiB is a 414 of nginx, and a longer field, such as Authorization, is a 400. It does not
// ask the Handler about them (large_client_header_buffers).
//
// Caddy has X-Forwarded-Method and X-Forwarded-Uri by itself ([XForwarded]), and passes all of a
// refusal on. These lines must be in one route block, which keeps their order:
//
//	request_header -Upgrade
//	request_header -Connection
//	request_header -*_*
//	request_header -*.*
//	request_header -X-Auth*
//	forward_auth 127.0.0.1:9000 {
//		uri /
//		copy_headers X-Auth-Subject X-Auth-Scopes
//	}
//	request_header X-Auth-Subject {header.X-Auth-Subject}
//	request_header X-Auth-Scopes {header.X-Auth-Scopes}
//
// Caddy itself passes Upgrade on, and all spellings of a name. Caddy 2.10.0 to 2.11.1 also pass on
// what the client sent if the answer has no value (GHSA-7r4p-vjf4-gxv4). A client can name a field
// in Connection, and Caddy would remove the field from the request for the API: so Connection is
// removed first. The API must refuse requests without the fields that it needs in any case. Caddy
// passes the trailer of a request on since 2.11.8, and no directive removes it. With the last two
// lines the API gets an empty field instead of none, in front of one in a trailer.
//
// Traefik has the same fields as Caddy. Set trustForwardHeader to false: with true, the client
// writes them. authResponseHeaders replaces what the client sent. The entry point needs
// aliasHeadersStrategy with the value delete (v3.7.12), which removes the other spellings of a
// name. The middleware headers, with an empty Upgrade in customRequestHeaders, removes that field.
// Traefik drops trailers since v3.7.13. authSigninURL replaces each 401 with a redirect.
//
// Envoy repeats the client's method and target ([Envoy]), behind path_prefix, which is
// Config.Prefix. Do not set path_override or method_override. allowed_headers must have dpop, and
// allowed_upstream_headers the fields for the API. failure_mode_allow must be false, and the
// filter must be in front of all that rewrite the path. Envoy replaces what the client sent only
// if the answer has the field, as those of a Handler always do; a header_mutation filter in front
// can remove it in any case. Envoy passes only the protocols of upgrade_configs on, and trailers to
// HTTP/2, or with enable_trailers. Set headers_with_underscores_action to DROP_HEADER. A
// header_mutation filter in front with remove_on_match removes names with a dot.
//
// Envoy passes each answer on, except a 503: that becomes the status_on_error of the filter, which
// is 403 unless you set it to ServiceUnavailable, and Retry-After is lost. The same happens after
// the timeout of http_service. A request can wait 3 s for keys, so the timeout must be longer. If
// you set allowed_client_headers, they must have dpop-nonce, retry-after and cache-control.
// allowed_client_headers_on_success with dpop-nonce sends clients the nonce of a 200.
//
// For Envoy, set DisableGeneralOptionsHandler of the http.Server: otherwise net/http answers
// OPTIONS * itself with a 200, although no Guard has decided. Do not put an http.ServeMux in front of
// the Handler: it redirects targets that it would change.
//
// # Targets
//
// A gateway and a backend can read one target in two ways, so that another route is checked than
// is served. So only targets pass that every server reads in one way. These are a 400:
//
//   - a path that is not in normal form (RFC 3986 section 6.2.2): with dot segments, an empty
//     segment (//), lower-case or broken percent-encoding, or encoded letters, digits, - . _ ~
//   - an encoded slash, backslash, semicolon, question mark, number sign or control character; an
//     encoded percent sign before two hexadecimal digits, also with u between them; octets that
//     are not UTF-8
//   - path parameters (;), which Java servers cut off
//   - what can be in no path: backslashes, spaces, other than ASCII, a fragment
//   - another form than the origin-form, such as * or http://host/path
//   - more than 8 KiB, and a method with lower-case letters
//
// The query is not part of a Route. Case, a slash at the end of a path and a suffix such as .json
// are significant here. Express ignores case and the slash by default, and some frameworks take
// /reports.json for /reports. Such a backend needs a table in which they do not matter: no weaker
// wildcard beside a literal. With "/files/{name}" for everybody, a stricter "/files/secret" does
// not protect /files/SECRET. A backend must not normalise Unicode in a path: in the form NFKC, the
// fullwidth slash (U+FF0F) becomes a slash, and so one segment becomes two. A backend must also not
// take the method or the path from elsewhere, such as X-HTTP-Method-Override or X-Rewrite-URL. The
// Host is not part of the table either: each API needs a Handler of its own.
//
// # Answers
//
//	200  let through, without a body
//	400  the target is not in normal form, the gateway has not written it exactly once, or Upgrade
//	     is not websocket
//	403  no Route has this method and path, or the peer is no trusted proxy
//	401, 400, 403, 503  a refusal of the Guard, as without a gateway
//
// A refusal of the Handler itself has no challenge: it has not read the token. An unknown path is
// a 403 and no 404, because nginx would make a 500 of that. [Handler.Status] counts the refusals
// of the Handler. All answers have Cache-Control: no-store.
//
// With mutual TLS, the gateway must send the certificate's field to the Handler (see package
// mtls). mtls.FromTLS finds no certificate: that of the connection is the gateway's.
//
// The address of the connection decides whether a gateway is trusted. A unix socket has none, and
// a handler that overwrites RemoteAddr with a header field must not run before a Handler. Any
// other process on the address of a gateway can ask the Handler what a token is worth.
//
// # What it does not do
//
// A request is decided once: a stream or websocket that was let through does not end with its
// token. A newer DPoP-Nonce of a 200 reaches the client only if the gateway copies it, as the
// example of nginx does; without it, the client gets one more use_dpop_nonce. The preflight
// request of a browser has no token: give it a Route such as "OPTIONS /timesheets" with a
// GuardOptional, or let the gateway answer it.
package forwardauth
