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
	case strings.Contains(script, "ZREM"):
		return f.trim(args)
	}
	return f.read(args)
}

func (f *fakeServer) write(args []string) ([]string, error) {
	limit, _ := strconv.Atoi(args[0])
	added := 0
	for n := 1; n < len(args); n += 4 {
		if args[n+1] == "b" && f.find(args[n]) < 0 {
			added++
		}
	}
	if added > 0 && len(f.members)+added > limit {
		return nil, errors.New("FULL the list has too many entries")
	}
	score := time.Now().UnixMicro()
	if n := len(f.members); n > 0 {
		score = max(score, f.members[n-1].score+1)
	}
	for n := 1; n < len(args); n, score = n+4, score+1 {
		letter, threshold, expires := args[n+1], number(args[n+2]), number(args[n+3])
		if at := f.find(args[n]); at >= 0 {
			old := strings.Fields(f.members[at].state)
			f.members = slices.Delete(f.members, at, at+1)
			if len(old) == 3 {
				expires = max(expires, number(old[2]))
				if letter == "b" && old[0] == "b" {
					threshold = max(threshold, number(old[1]))
				}
			}
		}
		f.members = append(f.members, fakeMember{score, args[n], letter + " " + strconv.Itoa(threshold) + " " + strconv.Itoa(expires)})
	}
	return []string{"OK"}, nil
}

func (f *fakeServer) find(id string) int {
	return slices.IndexFunc(f.members, func(m fakeMember) bool { return m.id == id })
}

func (f *fakeServer) read(args []string) ([]string, error) {
	least, exclusive := strings.CutPrefix(args[0], "(")
	reply, limit := []string{}, number(args[1])
	for _, m := range f.members {
		if m.score > int64(number(least)) || !exclusive && m.score == int64(number(least)) {
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
