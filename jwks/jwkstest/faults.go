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

// Refuse returns a fault that refuses the connection. Over a socket it resets the
// connection instead, because the connection already exists.
func Refuse() Fault {
	return func(w http.ResponseWriter, _ *http.Request, _ http.Handler) { abort(w, refusedError()) }
}

// Reset returns a fault that resets the connection before the answer.
func Reset() Fault {
	return func(w http.ResponseWriter, _ *http.Request, _ http.Handler) { abort(w, resetError()) }
}

// Hang returns a fault that never answers.
func Hang() Fault {
	return func(w http.ResponseWriter, r *http.Request, _ http.Handler) {
		drain(r)
		<-r.Context().Done()
		abort(w, resetError())
	}
}

// Delay returns a fault that sends the good answer after a pause.
func Delay(pause time.Duration) Fault {
	return func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		if !wait(r, pause) {
			abort(w, resetError())
			return
		}
		next.ServeHTTP(w, r)
	}
}

// Stall returns a fault that sends half of the good answer and keeps the connection open.
func Stall() Fault {
	return func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		a := capture(next, r)
		a.sendHalf(w)
		<-r.Context().Done()
		abort(w, resetError())
	}
}

// Truncate returns a fault that sends half of the good answer and closes the connection.
func Truncate() Fault {
	return func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		a := capture(next, r)
		a.sendHalf(w)
		abort(w, io.ErrUnexpectedEOF)
	}
}

// Drip returns a fault that sends the good answer byte by byte, with a pause after each.
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

// Respond returns a fault that sends this answer, such as a page of HTML. The header may
// be nil.
func Respond(status int, header http.Header, body string) Fault {
	return func(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
		for name, values := range header {
			w.Header()[http.CanonicalHeaderKey(name)] = slices.Clone(values)
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

// Redirect returns a fault that redirects to another address with status 302. An empty
// address means the address of the request, which makes a loop.
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

// ContentType returns a fault that sends the good answer with another media type.
func ContentType(mediaType string) Fault {
	return func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		a := capture(next, r)
		a.header.Set("Content-Type", mediaType)
		a.send(w)
	}
}

// Edit returns a fault that sets members of the good answer, which must be a JSON object.
// A member whose value is [Absent] is removed.
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

// Pad returns a fault that sends the good answer followed by white space, which JSON
// allows. The body has size bytes; a negative size means that it never ends.
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

// ManyKeys returns a fault that sends the good key set after n keys with other kids. Each
// of them is a usable key, of about 200 bytes, that signs no token.
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

// drain reads the request's body. A net/http server notices that its client has gone only
// after the whole body was read.
func drain(r *http.Request) { _, _ = io.Copy(io.Discard, io.LimitReader(r.Body, maxTokenRequest)) }
