package main

import (
	"bytes"
	"crypto/sha256"
	"crypto/subtle"
	_ "embed"
	"encoding/base64"
	"errors"
	"html/template"
	"net/http"
	"strings"
)

var (
	//go:embed page.html
	pageHTML string
	//go:embed page.css
	pageCSS string
)

// maxForm bounds the body of a POST, in bytes: a token, and what the form adds to it.
const maxForm = maxInput + 64<<10

// A page answers the requests of one listener.
type page struct {
	host     string // of the listener, and the only Host that is answered
	path     string // with the random part
	policy   string // Content-Security-Policy
	settings *settings
	explain  explainFunc
	template *template.Template
	origins  *http.CrossOriginProtection
}

func newPage(host, path string, s *settings, f explainFunc) *page {
	hash := sha256.Sum256([]byte(pageCSS))
	return &page{
		host: host, path: path, settings: s, explain: f,
		policy: "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(hash[:]) + "'; " +
			"form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
		template: template.Must(template.New("page").Parse(pageHTML)),
		origins:  http.NewCrossOriginProtection(),
	}
}

// ServeHTTP answers only requests that were made for this page. A website that reaches the
// listener under another name (DNS rebinding), or that guesses the address, learns nothing.
func (p *page) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	for _, f := range [][2]string{
		{"Cache-Control", "no-store"},
		{"Content-Security-Policy", p.policy},
		{"Referrer-Policy", "no-referrer"},
		{"X-Content-Type-Options", "nosniff"},
	} {
		w.Header().Set(f[0], f[1])
	}
	switch {
	case r.Host != p.host:
		refuse(w, http.StatusMisdirectedRequest)
	case subtle.ConstantTimeCompare([]byte(r.URL.Path), []byte(p.path)) == 0:
		refuse(w, http.StatusNotFound)
	case r.Method == http.MethodGet:
		p.show(w, http.StatusOK, p.view())
	case r.Method != http.MethodPost:
		w.Header().Set("Allow", "GET, POST")
		refuse(w, http.StatusMethodNotAllowed)
	case p.origins.Check(r) != nil:
		refuse(w, http.StatusForbidden)
	default:
		p.post(w, r)
	}
}

func refuse(w http.ResponseWriter, status int) { http.Error(w, http.StatusText(status), status) }

// post explains the token of the form. Only the body counts, never the query.
func (p *page) post(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	v := p.view()
	if err := r.ParseForm(); err != nil {
		status := http.StatusBadRequest
		if _, tooLong := errors.AsType[*http.MaxBytesError](err); tooLong {
			status = http.StatusRequestEntityTooLarge
		}
		refuse(w, status)
		return
	}
	scopes := strings.Fields(r.PostForm.Get("scopes"))
	token, err := tokenOf(r.PostForm.Get("token"))
	if err := errors.Join(err, checkScopes(scopes)); err != nil {
		v.Problem = printable(err.Error())
		p.show(w, http.StatusUnprocessableEntity, v)
		return
	}
	e := p.explain.explain(r.Context(), token, p.settings.options(scopes), p.settings.personal)
	v.Scopes = strings.Join(scopes, " ")
	v.Result = newResult(e)
	p.show(w, http.StatusOK, v)
}

// show renders the page before it answers, so that an error cannot leave half a page.
func (p *page) show(w http.ResponseWriter, status int, v view) {
	var body bytes.Buffer
	if err := p.template.Execute(&body, v); err != nil {
		refuse(w, http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write(body.Bytes())
}
