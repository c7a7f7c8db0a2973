package main

import (
	"context"
	"errors"
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

// startTestMonitor starts a Prometheus on a free address. Another process can take that first.
func startTestMonitor(t *testing.T, w *world) *monitor {
	t.Helper()
	var m *monitor
	err := errEnded
	for n := 0; n < 10 && errors.Is(err, errEnded); n++ {
		m, err = startMonitor(t.Context(), freeAddress(t), w.metricsURL)
	}
	require.NoError(t, err)
	return m
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
	m := startTestMonitor(t, w)
	defer m.stop()
	assert.Empty(t, m.firing(t))

	w.breakDown()
	var fired []string
	require.Eventually(t, func() bool {
		fired = m.firing(t)
		return len(fired) > 0
	}, time.Minute, 100*time.Millisecond)
	assert.Equal(t, []string{"BearerguardKeySetExhausted"}, fired)
	m.checkRules(t)
	for _, expr := range readDashboard(t).expressions() {
		m.untilFound(t, expr)
	}

	w.issuer.Recover()
	require.Eventually(t, func() bool { return len(m.firing(t)) == 0 }, time.Minute, 100*time.Millisecond)
}

// untilFound waits until there is a value now. On a busy machine a scrape can take longer than its
// timeout of a second, and then there is none until the next one.
func (m *monitor) untilFound(t *testing.T, expr string) {
	t.Helper()
	for limit := time.Now().Add(time.Minute); ; time.Sleep(100 * time.Millisecond) {
		now := time.Now()
		found, err := m.over(now, now, expr)
		require.NoError(t, err)
		if len(found) > 0 {
			return
		}
		require.True(t, now.Before(limit), "no panel is empty: %s", expr)
	}
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
