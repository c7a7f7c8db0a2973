package revocation_test

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

type fakeServer struct {
	mu      sync.Mutex // guards the fields below
	members []fakeMember
	behind  time.Duration // its clock
	calls   int
	instead func(ctx context.Context, args []string) ([]string, error)
}

type fakeMember struct {
	score     int64
	id, state string
}

func newFakeServer() *fakeServer { return &fakeServer{} }

func (f *fakeServer) do(ctx context.Context, args ...string) ([]string, error) {
	f.mu.Lock()
	instead := f.instead
	f.calls++
	f.mu.Unlock()
	if instead != nil {
		return instead(ctx, args)
	}
	return f.answer(args)
}

func (f *fakeServer) answer(args []string) ([]string, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	script, args := args[1], args[5:]
	switch {
	case strings.Contains(script, "ZADD"):
		return f.write(args)
	case strings.Contains(script, "ZREVRANGE"):
		return []string{strconv.FormatInt(f.newest(), 10)}, nil
	case strings.Contains(script, "ZRANGE"):
		return f.read(args)
	}
	return f.trim(args)
}

func (f *fakeServer) write(args []string) ([]string, error) {
	limit, newest := number(args[0]), int64(number(args[1]))
	full := []string{"FULL"}
	for n := 2; n < len(args); n += 4 {
		id, letter, threshold, expires := args[n], args[n+1], number(args[n+2]), number(args[n+3])
		at, givenBack := f.find(id), letter == "g"
		if givenBack {
			letter = "b"
		}
		if at < 0 && letter == "b" && len(f.members) >= limit {
			full = append(full, strconv.Itoa((n-2)/4))
			continue
		}
		score := f.nextScore()
		if at >= 0 {
			old := strings.Fields(f.members[at].state)
			if givenBack && len(old) == 3 && (old[0] == "r" || number(old[1]) >= threshold && number(old[2]) >= expires) {
				continue
			}
			if letter == "r" && f.members[at].score > newest && !(len(old) == 3 && old[0] == "r") {
				continue
			}
			f.members = slices.Delete(f.members, at, at+1)
			if len(old) == 3 {
				expires = max(expires, number(old[2]))
				if letter == "b" && old[0] == "b" {
					threshold = max(threshold, number(old[1]))
				}
			}
		}
		f.members = append(f.members, fakeMember{score, id, letter + " " + strconv.Itoa(threshold) + " " + strconv.Itoa(expires)})
	}
	if len(full) > 1 {
		return full, nil
	}
	return []string{"OK"}, nil
}

func (f *fakeServer) nextScore() int64 {
	return max(time.Now().Add(-f.behind).UnixMicro(), f.newest()+1)
}

func (f *fakeServer) newest() int64 {
	if len(f.members) == 0 {
		return 0
	}
	return f.members[len(f.members)-1].score
}

func (f *fakeServer) find(id string) int {
	return slices.IndexFunc(f.members, func(m fakeMember) bool { return m.id == id })
}

func (f *fakeServer) read(args []string) ([]string, error) {
	text, exclusive := strings.CutPrefix(args[0], "(")
	reply, least, limit := []string{}, int64(number(text)), number(args[1])
	for _, m := range f.members {
		if m.score > least || !exclusive && m.score == least {
			reply = append(reply, strconv.FormatInt(m.score, 10), m.id, m.state)
		}
		if len(reply) == 3*limit {
			break
		}
	}
	return reply, nil
}

func (f *fakeServer) trim(ids []string) ([]string, error) {
	f.members = slices.DeleteFunc(f.members, func(m fakeMember) bool {
		state := strings.Fields(m.state)
		return slices.Contains(ids, m.id) && int64(number(state[2]))+600 < time.Now().Unix()
	})
	return []string{"OK"}, nil
}

func number(text string) int {
	n, err := strconv.Atoi(text)
	if err != nil {
		panic(err)
	}
	return n
}

func (f *fakeServer) behave(instead func(ctx context.Context, args []string) ([]string, error)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.instead = instead
}

func (f *fakeServer) put(id, state string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.members = append(f.members, fakeMember{time.Now().UnixMicro(), id, state})
}

func (f *fakeServer) lose() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.members = nil
}

func (f *fakeServer) size() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.members)
}

func (f *fakeServer) called() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.calls
}

var errDown = errors.New("dial tcp 127.0.0.1:6379: connect: connection refused")

func isDown(context.Context, []string) ([]string, error) { return nil, errDown }

func hangs(ctx context.Context, _ []string) ([]string, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}
