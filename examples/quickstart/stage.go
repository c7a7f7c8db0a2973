package main

import (
	"fmt"
	"io"
	"net/http"
	"strings"
)

// A stage prints the story, and counts the scenes and the unexpected answers.
type stage struct {
	out    io.Writer
	scenes int
	wrong  int
}

func (s *stage) say(format string, args ...any) { fmt.Fprintf(s.out, format+"\n", args...) }

func (s *stage) scene(title string) {
	s.scenes++
	s.say("\n%2d. %s\n", s.scenes, title)
}

// An answer is an HTTP response, or the error of a request that got none.
type answer struct {
	status int
	header http.Header
	body   string
	err    error
}

// A want is the expected answer.
type want struct {
	status    int
	challenge string // a part of the challenge; "-" if there must be none
	body      string // a part of the body
}

// exchange prints a request and its answer. It shortens the token, as every program
// should: a token in a log is a leaked secret.
func (s *stage) exchange(request *http.Request, payload string, a answer) {
	s.say("    > %s %s", request.Method, request.URL)
	for _, name := range []string{"Authorization", "DPoP"} {
		if field := request.Header.Get(name); field != "" {
			s.say("    > %s: %s", name, shorten(field))
		}
	}
	if payload != "" {
		s.say("    > %s", payload)
	}
	if a.err != nil {
		s.say("    < %v", a.err)
		return
	}
	s.say("    < %d %s", a.status, http.StatusText(a.status))
	for _, name := range []string{"WWW-Authenticate", "Retry-After"} {
		for _, value := range a.header.Values(name) {
			s.say("    < %s: %s", name, value)
		}
	}
	s.say("    < %s", strings.TrimSpace(a.body))
}

func shorten(text string) string {
	const shown = 24
	if len(text) <= shown+16 {
		return text
	}
	return fmt.Sprintf("%s... (%d characters)", text[:shown], len(text))
}

// judge prints the reason for an expected answer, or how the answer differs.
func (s *stage) judge(a answer, w want, why string) {
	challenge := strings.Join(a.header.Values("WWW-Authenticate"), ", ")
	switch {
	case a.err != nil:
		s.fail("there is no answer")
	case a.status != w.status:
		s.fail(fmt.Sprintf("the status should be %d", w.status))
	case w.challenge == "-" && challenge != "":
		s.fail("there should be no challenge")
	case w.challenge != "-" && !strings.Contains(challenge, w.challenge):
		s.fail("the challenge should contain " + w.challenge)
	case !strings.Contains(a.body, w.body):
		s.fail("the body should contain " + w.body)
	default:
		s.pass(why)
	}
}

func (s *stage) pass(why string) { s.say("    = %s", why) }

func (s *stage) fail(problem string) {
	s.wrong++
	s.say("    ! NOT AS EXPECTED: %s", problem)
}

// conclude returns the exit code.
func (s *stage) conclude() int {
	if s.wrong > 0 {
		s.say("\n%d of %d scenes did not go as expected.", s.wrong, s.scenes)
		return 1
	}
	s.say("\nAll %d scenes went as expected.", s.scenes)
	return 0
}
