package jwkstest

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"net/http"
	"time"
)

// Caching selects the caching headers of the key set. The zero value sends none.
type Caching struct {
	CacheControl string // Cache-Control, such as "public, max-age=300"
	Age          string // Age, in seconds
	ETag         bool   // send a strong ETag of the content, and answer If-None-Match
	LastModified bool   // send the time of the last change, and answer If-Modified-Since
}

// SetCaching replaces the caching headers of the key set.
func (i *Issuer) SetCaching(c Caching) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.caching = c
}

func (i *Issuer) serveJWKS(w http.ResponseWriter, r *http.Request) {
	i.mu.Lock()
	document, changed, caching := i.keys.document(), i.keys.changed, i.caching
	i.mu.Unlock()

	setUnlessEmpty(w.Header(), "Cache-Control", caching.CacheControl)
	setUnlessEmpty(w.Header(), "Age", caching.Age)
	if caching.ETag {
		w.Header().Set("ETag", fmt.Sprintf(`"%x"`, sha256.Sum256(document)))
	}
	if !caching.LastModified {
		changed = time.Time{}
	}
	serveDocument(w, r, document, changed)
}

func (i *Issuer) serveMetadata(w http.ResponseWriter, r *http.Request) {
	document := encode(map[string]any{
		"issuer":                                i.url,
		"jwks_uri":                              i.JWKSURL(),
		"token_endpoint":                        i.tokenURL,
		"grant_types_supported":                 []string{"client_credentials"},
		"response_types_supported":              []string{"none"},
		"subject_types_supported":               []string{"public"},
		"id_token_signing_alg_values_supported": []string{i.SigningKey().Algorithm},
		"token_endpoint_auth_methods_supported": []string{"client_secret_basic", "client_secret_post"},
	})
	serveDocument(w, r, document, time.Time{})
}

// serveDocument sends a document and answers conditional requests (RFC 9110 section 13).
// It uses the ETag that is already set, and the time of the last change unless it is zero.
func serveDocument(w http.ResponseWriter, r *http.Request, document []byte, changed time.Time) {
	w.Header().Set("Content-Type", "application/json")
	http.ServeContent(w, r, "", changed, bytes.NewReader(document))
}

func setUnlessEmpty(h http.Header, name, value string) {
	if value != "" {
		h.Set(name, value)
	}
}

func encode(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("jwkstest: %v", err))
	}
	return b
}
