package jwkstest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"time"
)

// Refuse is a connection that cannot be made. Over a socket, where it is too late for
// that, it is a reset.
func Refuse() Fault {
	return func(w http.ResponseWriter, _ *http.Request, _ http.Handler) { abort(w, refusedError()) }
}

// Reset is a connection that breaks before the answer.
func Reset() Fault {
	return func(w http.ResponseWriter, _ *http.Request, _ http.Handler) { abort(w, resetError()) }
}

// Hang is an answer that never begins.
func Hang() Fault {
	return func(w http.ResponseWriter, r *http.Request, _ http.Handler) {
		drain(r)
		<-r.Context().Done()
		abort(w, resetError())
	}
}

// Delay is the good answer, begun after a pause.
func Delay(pause time.Duration) Fault {
	return func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		if !wait(r, pause) {
			abort(w, resetError())
			return
		}
		next.ServeHTTP(w, r)
	}
}

// Stall is half of the good answer, and then nothing more.
func Stall() Fault {
	return func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		a := capture(next, r)
		a.sendHalf(w)
		<-r.Context().Done()
		abort(w, resetError())
	}
}

// Truncate is half of the good answer, and then the end of the connection.
func Truncate() Fault {
	return func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		a := capture(next, r)
		a.sendHalf(w)
		abort(w, io.ErrUnexpectedEOF)
	}
}

// Drip is the good answer, one byte at a time with a pause after each.
func Drip(pause time.Duration) Fault {
	return func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		a := capture(next, r)
		a.sendHeader(w, a.body.Len())
		for _, b := range a.body.Bytes() {
			if send(w, []byte{b}) != nil || !wait(r, pause) {
				abort(w, resetError())
				return
			}
		}
	}
}

// Respond is any answer: a status, a redirect, a page of HTML, a compressed bomb. The
// header may be nil.
func Respond(status int, header http.Header, body string) Fault {
	return func(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
		for name, values := range header {
			w.Header()[http.CanonicalHeaderKey(name)] = slices.Clone(values)
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

// Redirect is a 302 to another address, or, if that is empty, to the address that was
// asked for: a loop.
func Redirect(to string) Fault {
	return func(w http.ResponseWriter, r *http.Request, _ http.Handler) {
		location := to
		if location == "" {
			location = r.URL.RequestURI()
		}
		w.Header().Set("Location", location)
		w.WriteHeader(http.StatusFound)
	}
}

// ContentType is the good answer under another media type.
func ContentType(mediaType string) Fault {
	return func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		a := capture(next, r)
		a.header.Set("Content-Type", mediaType)
		a.send(w)
	}
}

// Edit is the good answer, a JSON object, with these members put in, or removed if
// they are [Absent]: another issuer, for example.
func Edit(members map[string]any) Fault {
	members = maps.Clone(members)
	return func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		a := capture(next, r)
		var document map[string]any
		if err := json.Unmarshal(a.body.Bytes(), &document); err != nil {
			panic(fmt.Sprintf("jwkstest: Edit of an answer that is not a JSON object: %v", err))
		}
		merge(document, members)
		a.body = *bytes.NewBuffer(encode(document))
		a.send(w)
	}
}

// Pad is the good answer followed by white space, which JSON allows, up to size bytes
// in all, or without an end if size is negative.
func Pad(size int) Fault {
	blank := bytes.Repeat([]byte(" "), 16<<10)
	return func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		a := capture(next, r)
		left := size - a.body.Len()
		a.sendHeader(w, -1)
		err := send(w, a.body.Bytes())
		for err == nil && size < 0 && r.Context().Err() == nil {
			err = send(w, blank)
		}
		for err == nil && left > 0 {
			n := min(left, len(blank))
			err = send(w, blank[:n])
			left -= n
		}
	}
}

// ManyKeys is the good key set with n keys of other kids in front, some 200 bytes
// each. They are usable, and nobody signs with them.
func ManyKeys(n int) Fault {
	k := NewKey("ES256")
	return func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		a := capture(next, r)
		good, found := bytes.CutPrefix(a.body.Bytes(), []byte(`{"keys":[`))
		if !found {
			panic("jwkstest: ManyKeys on an endpoint that has no keys")
		}
		a.sendHeader(w, -1)
		err := send(w, []byte(`{"keys":[`))
		for number := 0; err == nil && number < n; number++ {
			filler := k
			filler.ID = "filler-" + strconv.Itoa(number)
			err = send(w, append(encode(filler.JWK()), ','))
		}
		if err == nil {
			_ = send(w, good)
		}
	}
}

// wait reports whether the pause passed before the request's context was done.
func wait(r *http.Request, pause time.Duration) bool {
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-r.Context().Done():
		return false
	}
}

// drain reads a body that nobody else will: net/http notices only behind it that the
// client has gone.
func drain(r *http.Request) { _, _ = io.Copy(io.Discard, io.LimitReader(r.Body, maxTokenRequest)) }
