package mtls_test

import (
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/bearerguard/bearerguard/middleware/mtls"
)

// The counter of the Config is for programs that have it. Others need none.
func TestStatusCountsSpoofedFields(t *testing.T) {
	for rule, counter := range map[string]*atomic.Uint64{"with Config.Spoofed": new(atomic.Uint64), "without": nil} {
		t.Run(rule, func(t *testing.T) {
			c := newChecker(t, mtls.Config{Source: mtls.FromFingerprint, Header: "X-Fingerprint", Spoofed: counter})
			for _, peer := range []string{proxy, "192.0.2.1:80", "192.0.2.1:81"} {
				c.Proof(mtls.Request{RemoteAddr: peer, Fields: func(string) []string { return []string{"x"} }})
			}
			assert.EqualValues(t, 2, c.Status().Spoofed)
			if counter != nil {
				assert.EqualValues(t, 2, counter.Load())
			}
		})
	}
}
