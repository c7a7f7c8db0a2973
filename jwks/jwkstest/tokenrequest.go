package jwkstest

import (
	"crypto/sha256"
	"crypto/subtle"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"

	"github.com/go-json-experiment/json"
)

// maxTokenRequest bounds the body of a token request, in bytes.
const maxTokenRequest = 64 << 10

// A tokenRequest has the parameters of RFC 6749 section 4.4.2, and audience and
// organization as Auth0 defines them. An empty parameter counts as omitted (section 3.2).
type tokenRequest struct {
	GrantType    string `json:"grant_type"`
	ClientID     string `json:"client_id"`
	ClientSecret string `json:"client_secret"`
	Audience     string `json:"audience"`
	Organization string `json:"organization"`
	Scope        string `json:"scope"`
}

func readTokenRequest(w http.ResponseWriter, r *http.Request) (tokenRequest, *tokenError) {
	var request tokenRequest
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxTokenRequest))
	if err != nil {
		return request, &tokenError{http.StatusRequestEntityTooLarge, "invalid_request", "the body is too long"}
	}
	mediaType, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	switch mediaType {
	case "application/json":
		if json.Unmarshal(body, &request) != nil {
			return request, badRequest("invalid_request", "the body is not a JSON object of strings without duplicates")
		}
	case "application/x-www-form-urlencoded":
		return readForm(string(body))
	default:
		return request, badRequest("invalid_request", "the body must be JSON or a form")
	}
	return request, nil
}

func readForm(body string) (tokenRequest, *tokenError) {
	form, err := url.ParseQuery(body)
	if err != nil {
		return tokenRequest{}, badRequest("invalid_request", "the form is malformed")
	}
	for _, values := range form {
		if len(values) > 1 { // RFC 6749 section 3.2
			return tokenRequest{}, badRequest("invalid_request", "a parameter is repeated")
		}
	}
	return tokenRequest{
		GrantType:    form.Get("grant_type"),
		ClientID:     form.Get("client_id"),
		ClientSecret: form.Get("client_secret"),
		Audience:     form.Get("audience"),
		Organization: form.Get("organization"),
		Scope:        form.Get("scope"),
	}, nil
}

// authenticate returns the client whose credentials the request has. They are in the
// Authorization header or in the body, but not in both (RFC 6749 section 2.3).
func (i *Issuer) authenticate(r *http.Request, request tokenRequest) (Client, *tokenError) {
	id, secret := request.ClientID, request.ClientSecret
	if r.Header.Get("Authorization") != "" {
		if secret != "" {
			return Client{}, badRequest("invalid_request", "the client authenticates in two ways at once")
		}
		var ok bool
		if id, secret, ok = basicCredentials(r); !ok {
			return Client{}, unauthenticated("Authorization is not HTTP Basic with form-encoded credentials")
		}
		if request.ClientID != "" && request.ClientID != id {
			return Client{}, badRequest("invalid_request", "the request names two clients")
		}
	}
	client, known := i.clients[id]
	if matches := equal(secret, client.Secret); !matches || !known {
		return Client{}, unauthenticated("the client is unknown or its secret is wrong")
	}
	return client, nil
}

// basicCredentials returns the credentials of HTTP Basic. Both values are form-encoded
// inside the Basic encoding (RFC 6749 section 2.3.1).
func basicCredentials(r *http.Request) (id, secret string, ok bool) {
	if len(r.Header.Values("Authorization")) > 1 {
		return "", "", false
	}
	id, secret, ok = r.BasicAuth()
	if !ok {
		return "", "", false
	}
	id, errID := url.QueryUnescape(id)
	secret, errSecret := url.QueryUnescape(secret)
	return id, secret, errID == nil && errSecret == nil
}

// equal reports whether a and b are equal. Its time does not depend on where they differ.
func equal(a, b string) bool {
	sumA, sumB := sha256.Sum256([]byte(a)), sha256.Sum256([]byte(b))
	return subtle.ConstantTimeCompare(sumA[:], sumB[:]) == 1
}

// A tokenError is an error document of RFC 6749 section 5.2. It contains nothing that
// the caller sent.
type tokenError struct {
	status            int
	code, description string
}

func badRequest(code, description string) *tokenError {
	return &tokenError{http.StatusBadRequest, code, description}
}

func unauthenticated(description string) *tokenError {
	return &tokenError{http.StatusUnauthorized, "invalid_client", description}
}

func (e *tokenError) write(w http.ResponseWriter) {
	if e.status == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", `Basic realm="token"`)
	}
	writeUncached(w, e.status, map[string]any{"error": e.code, "error_description": e.description})
}

func writeUncached(w http.ResponseWriter, status int, document map[string]any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Pragma", "no-cache")
	w.WriteHeader(status)
	_, _ = w.Write(encode(document))
}

// printable replaces the characters that error_description must not have (RFC 6749
// section 5.2).
func printable(text string) string {
	return strings.Map(func(c rune) rune {
		if c < ' ' || c > '~' || c == '"' || c == '\\' {
			return '?'
		}
		return c
	}, text)
}
