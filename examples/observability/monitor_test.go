package main

import (
	"context"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// newTestWorld returns a world in which keys are too old after two seconds of an outage.
func newTestWorld(t *testing.T) *world {
	t.Helper()
	w, err := newWorld(250*time.Millisecond, "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(w.close)
	return w
}

// freeAddress returns an address of loopback that no one listens on.
func freeAddress(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, listener.Close())
	return listener.Addr().String()
}

// firing returns which alerts fire.
func (m *monitor) firing(t *testing.T) []string {
	t.Helper()
	var data struct {
		Alerts []struct {
			State  string
			Labels map[string]string
		}
	}
	require.NoError(t, m.get("alerts", nil, &data))
	names := []string{}
	for _, a := range data.Alerts {
		if a.State == "firing" {
			names = append(names, a.Labels["alertname"])
		}
	}
	return names
}

// A real Prometheus scrapes the API, loads the rules, and fires the alert that has no "for"
// when the issuer is down for long. The alert clears when the issuer is back.
func TestPrometheusFiresAnAlert(t *testing.T) {
	t.Parallel()
	tool(t, "prometheus")
	w := newTestWorld(t)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	for _, kinds := range [][]kind{usual, flood} {
		wait := w.employ(ctx, 2, kinds)
		defer wait()
	}
	defer stop() // before the waits
	m, err := startMonitor(t.Context(), freeAddress(t), w.metricsURL)
	require.NoError(t, err)
	defer m.stop()
	assert.Empty(t, m.firing(t))

	w.breakDown()
	require.Eventually(t, func() bool { return len(m.firing(t)) > 0 }, 20*time.Second, 100*time.Millisecond)
	assert.Equal(t, []string{"BearerguardKeySetExhausted"}, m.firing(t))
	m.checkRules(t)
	now := time.Now()
	for _, expr := range readDashboard(t).expressions() {
		found, err := m.over(now, now, expr)
		assert.NoError(t, err)
		assert.NotEmpty(t, found, "no panel is empty: %s", expr)
	}

	w.issuer.Recover()
	require.Eventually(t, func() bool { return len(m.firing(t)) == 0 }, 20*time.Second, 100*time.Millisecond)
}

// checkRules checks that every rule was loaded and can be evaluated.
func (m *monitor) checkRules(t *testing.T) {
	t.Helper()
	var data struct {
		Groups []struct {
			Rules []struct{ Name, Health, LastError string }
		}
	}
	require.NoError(t, m.get("rules", nil, &data))
	loaded := make(map[string]bool)
	for _, group := range data.Groups {
		for _, rule := range group.Rules {
			loaded[rule.Name] = true
			assert.Equal(t, "ok", rule.Health, "%s: %s", rule.Name, rule.LastError)
		}
	}
	for _, name := range alertNames(t) {
		assert.True(t, loaded[name], name)
	}
}
