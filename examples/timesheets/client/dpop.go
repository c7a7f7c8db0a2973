package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"
)

// A prover sends a DPoP proof with each request (RFC 9449). These are the requests for tokens, so
// that the tokens are bound to its key, and those that have such a token. It is an http.RoundTripper.
type prover struct {
	base http.RoundTripper
	key  *ecdsa.PrivateKey // it is made at the start, and never leaves the process

	mu     sync.Mutex        // guards nonces
	nonces map[string]string // the latest one of each origin (section 8.2)
}

func newProver(base http.RoundTripper) (*prover, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	return &prover{base: base, key: key, nonces: make(map[string]string)}, err
}

// RoundTrip repeats a request once if the server demands a nonce (sections 8 and 9).
func (p *prover) RoundTrip(r *http.Request) (*http.Response, error) {
	before := p.nonce(r)
	response, err := p.send(r, before)
	if err != nil || !p.remember(r, response) || !demandsNonce(response) || p.nonce(r) == before {
		return response, err
	}
	again := r.Clone(r.Context())
	if r.Body != nil {
		if r.GetBody == nil {
			return response, nil // the body cannot be sent twice
		}
		if again.Body, err = r.GetBody(); err != nil {
			return response, nil
		}
	}
	_ = response.Body.Close()
	response, err = p.send(again, p.nonce(r))
	if err == nil {
		p.remember(r, response)
	}
	return response, err
}

func (p *prover) send(r *http.Request, nonce string) (*http.Response, error) {
	proof, err := p.proof(r, nonce)
	if err != nil {
		return nil, err
	}
	r = r.Clone(r.Context())
	r.Header.Set("DPoP", proof)
	return p.base.RoundTrip(r)
}

// proof returns a proof for one request (section 4.2).
func (p *prover) proof(r *http.Request, nonce string) (string, error) {
	target := *r.URL
	target.RawQuery, target.Fragment = "", ""
	payload := map[string]any{"jti": rand.Text(), "htm": r.Method, "htu": target.String(), "iat": time.Now().Unix()}
	if token, bound := strings.CutPrefix(r.Header.Get("Authorization"), "DPoP "); bound {
		hash := sha256.Sum256([]byte(token))
		payload["ath"] = base64url(hash[:])
	}
	if nonce != "" {
		payload["nonce"] = nonce
	}
	public, err := p.key.PublicKey.Bytes() // 4, and both coordinates
	if err != nil {
		return "", err
	}
	header := map[string]any{"typ": "dpop+jwt", "alg": "ES256", "jwk": map[string]string{
		"kty": "EC", "crv": "P-256", "x": base64url(public[1:33]), "y": base64url(public[33:]),
	}}
	input := segment(header) + "." + segment(payload)
	hash := sha256.Sum256([]byte(input))
	a, b, err := ecdsa.Sign(rand.Reader, p.key, hash[:])
	if err != nil {
		return "", err
	}
	signature := make([]byte, 64) // both in their full width (RFC 7518 section 3.4)
	a.FillBytes(signature[:32])
	b.FillBytes(signature[32:])
	return input + "." + base64url(signature), nil
}

func base64url(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

func segment(v map[string]any) string {
	text, _ := json.Marshal(v) // strings and numbers: it cannot fail
	return base64url(text)
}

func (p *prover) nonce(r *http.Request) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.nonces[r.URL.Host]
}

// remember stores the nonce of an answer, and reports whether there is one.
func (p *prover) remember(r *http.Request, response *http.Response) bool {
	nonce := response.Header.Get("DPoP-Nonce")
	if nonce == "" {
		return false
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.nonces[r.URL.Host] = nonce
	return true
}

// demandsNonce reports whether an answer asks for a proof with its nonce. An API says so in its
// challenge, and an issuer in its body, which is read then.
func demandsNonce(response *http.Response) bool {
	switch response.StatusCode {
	case http.StatusUnauthorized:
		return strings.Contains(response.Header.Get("WWW-Authenticate"), `error="use_dpop_nonce"`)
	case http.StatusBadRequest:
		text, err := io.ReadAll(io.LimitReader(response.Body, 64<<10))
		_ = response.Body.Close()
		response.Body = io.NopCloser(strings.NewReader(string(text)))
		var answer struct {
			Error string `json:"error"`
		}
		return err == nil && json.Unmarshal(text, &answer) == nil && answer.Error == "use_dpop_nonce"
	}
	return false
}
