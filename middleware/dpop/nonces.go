package dpop

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"sync/atomic"
	"time"

	"github.com/bearerguard/bearerguard/internal/keyset"
)

// Nonces says how nonces are made (RFC 9449 section 9). A nonce is made from a secret and the
// time, so servers that share the secret accept each other's nonces without shared memory. It
// changes each minute, and is accepted for one to two minutes.
//
// Neither fmt nor log/slog prints the secrets.
type Nonces struct {
	_ [0]func() // written with field names

	// Secrets are random values of at least 32 bytes. All servers of an API must have the same
	// ones in the same order. The first one makes nonces, and every one checks them. To replace a
	// secret, first add the new one at the end, at all servers; then move it to the front; then
	// remove the old one.
	Secrets [][]byte `json:"-" yaml:"-"`

	// Always demands a nonce of every proof. By default only a proof whose iat is too far from
	// the time needs one, so that a client with a good clock never waits for a nonce.
	Always bool
}

const noncesText = "dpop.Nonces(redacted)"

// Format prints a fixed text.
func (n Nonces) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, noncesText) }

// LogValue returns a fixed text.
func (n Nonces) LogValue() slog.Value { return slog.StringValue(noncesText) }

const minSecretBytes = 32

func (n *Nonces) check(problems *mistakes) {
	problems.report(len(n.Secrets) == 0, "Nonces.Secrets: at least one is required. A random one of each process would be refused by the others")
	for i, secret := range n.Secrets {
		same := func(other []byte) bool { return string(other) == string(secret) }
		problems.report(len(secret) < minSecretBytes, "Nonces.Secrets: secret %d is shorter than %d bytes", i, minSecretBytes)
		problems.report(slices.ContainsFunc(n.Secrets[:i], same), "Nonces.Secrets: secret %d is a duplicate", i)
		if len(secret) >= minSecretBytes {
			err := keyset.CheckSecret(secret)
			problems.report(err != nil, "Nonces.Secrets: secret %d: %w", i, err)
		}
	}
}

const (
	nonceStep     = 60 // seconds
	nonceMACBytes = 16
)

// A nonceSource makes and checks nonces. Those of the present time are made once a minute.
type nonceSource struct {
	macs    []func(step uint32) []byte // closures, which no printer can read by reflection
	always  bool
	current atomic.Pointer[nonceSteps]

	live, dead, missing atomic.Uint64
}

// nonceSteps are the live nonces of one minute: the newest one and the one before it, of each
// secret.
type nonceSteps struct {
	step   uint32
	newest string
	live   []liveNonce
}

type liveNonce struct {
	value string
	step  uint32
}

// newNonceSource binds the nonces to the first origin. Several APIs can have the same secret,
// by mistake or for convenience, and a nonce of one must not serve at another: its clients
// could be other ones, who collect nonces for proofs in advance. All servers of one API have
// the same Config, and so the same first origin.
func newNonceSource(n *Nonces, first origin) *nonceSource {
	s := &nonceSource{always: n.Always}
	for _, secret := range n.Secrets {
		s.macs = append(s.macs, newMAC(slices.Clone(secret), first.String()))
	}
	return s
}

func newMAC(secret []byte, audience string) func(step uint32) []byte {
	return func(step uint32) []byte {
		mac := hmac.New(sha256.New, secret)
		_, _ = io.WriteString(mac, "bearerguard dpop nonce")
		_, _ = io.WriteString(mac, audience)
		mac.Write(binary.BigEndian.AppendUint32(nil, step)) // of fixed length, so the audience ends before it
		return mac.Sum(nil)[:nonceMACBytes]
	}
}

// at returns the live nonces. Goroutines that find a new minute together make the same ones.
func (s *nonceSource) at(now time.Time) *nonceSteps {
	step := stepOf(now)
	current := s.current.Load()
	if current == nil || current.step != step {
		current = s.make(step)
		s.current.Store(current)
	}
	return current
}

func (s *nonceSource) make(step uint32) *nonceSteps {
	steps := &nonceSteps{step: step}
	for _, mac := range s.macs {
		for _, made := range []uint32{step, step - 1} {
			value := append(binary.BigEndian.AppendUint32(nil, made), mac(made)...)
			steps.live = append(steps.live, liveNonce{base64.RawURLEncoding.EncodeToString(value), made})
		}
	}
	steps.newest = steps.live[0].value
	return steps
}

// find returns the step of a live nonce. It compares with every one, in constant time.
func (n *nonceSteps) find(nonce string) (step uint32, ok bool) {
	for _, l := range n.live {
		if subtle.ConstantTimeCompare([]byte(l.value), []byte(nonce)) == 1 {
			step, ok = l.step, true
		}
	}
	return step, ok
}

func stepOf(now time.Time) uint32 { return uint32(now.Unix() / nonceStep) } //nolint:gosec // until the year 10136

// endOf returns when a nonce of this step is not accepted any more.
func endOf(step uint32) time.Time { return time.Unix((int64(step)+2)*nonceStep, 0) }
