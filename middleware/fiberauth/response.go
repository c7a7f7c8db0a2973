package fiberauth

import (
	"net/http"
	"slices"
	"strings"

	"github.com/gofiber/fiber/v3"

	"github.com/bearerguard/bearerguard/middleware"
)

// An exchange is the writer for a request in the Middleware, and what the Middleware has
// decided. It writes into the response of fiber, which is sent when all handlers have returned.
type exchange struct {
	fiber   fiber.Ctx
	allowed *http.Request     // nil unless the request is let through
	refused *middleware.Error // nil unless the answer is left to fiber

	header, before http.Header // now, and as fiber had it; nil until they are asked for
	written        bool        // the status
}

// Header returns the fields that the response has, with those of outer handlers.
func (e *exchange) Header() http.Header {
	if e.header == nil {
		e.header = e.fieldsOfFiber()
		e.before = e.header.Clone()
	}
	return e.header
}

// fieldsOfFiber returns copies. The default Content-Type of fasthttp is left out: it would keep
// an ErrorHandler such as http.ServeContent from setting its own.
func (e *exchange) fieldsOfFiber() http.Header {
	fields := make(http.Header)
	for name, value := range e.fiber.Response().Header.All() {
		key := http.CanonicalHeaderKey(string(name))
		fields[key] = append(fields[key], string(value))
	}
	if fields.Get("Content-Type") == fiber.MIMETextPlainCharsetUTF8 {
		delete(fields, "Content-Type")
	}
	return fields
}

// WriteHeader also sets the fields, as net/http does. An informational status is not sent.
func (e *exchange) WriteHeader(status int) {
	if e.written || status < http.StatusOK {
		return
	}
	e.written = true
	e.setHeader()
	e.fiber.Response().ResetBody()
	e.fiber.Status(status)
}

// Write drops the body of a refusal that fiber answers.
func (e *exchange) Write(p []byte) (int, error) {
	e.WriteHeader(http.StatusOK)
	if e.refused == nil {
		e.fiber.Response().AppendBody(p)
	}
	return len(p), nil
}

// oneLine is what net/http does to the values of fields.
var oneLine = strings.NewReplacer("\r", " ", "\n", " ")

// setHeader sets the fields that have changed. It leaves most others alone, because fasthttp keeps
// some of them, such as cookies, in another form. It sets all that have several values, and only
// after it has deleted the old ones: fasthttp does not keep the order when it deletes a field.
func (e *exchange) setHeader() {
	to := &e.fiber.Response().Header
	isSame := func(name string) bool {
		values := e.header[name]
		return len(values) == 1 && slices.Equal(values, e.before[name])
	}
	for name := range e.before {
		if !isSame(name) {
			to.Del(name)
		}
	}
	for name, values := range e.header {
		if isSame(name) {
			continue
		}
		for _, value := range values {
			to.Add(name, oneLine.Replace(value))
		}
	}
}

// setContentType sets the type of a body without one, as net/http does.
func (e *exchange) setContentType() {
	body := e.fiber.Response().Body()
	if _, set := e.header["Content-Type"]; !set && len(body) > 0 {
		e.fiber.Response().Header.SetContentType(http.DetectContentType(body))
	}
}

// dropConditions removes the preconditions, which r does not have. fiber's ErrorHandler may send a
// file, and would obey them.
func (e *exchange) dropConditions(r *http.Request) {
	for name := range requestOf(e.fiber).Header {
		if _, kept := r.Header[name]; !kept {
			e.fiber.Request().Header.Del(name)
		}
	}
}

// exchangeOf returns the exchange that w wraps, or nil.
func exchangeOf(w http.ResponseWriter) *exchange {
	for {
		switch inner := w.(type) {
		case *exchange:
			return inner
		case interface{ Unwrap() http.ResponseWriter }:
			w = inner.Unwrap()
		default:
			return nil
		}
	}
}
