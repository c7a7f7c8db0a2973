package main

import (
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// metrics are what promauth exposes: the values of each label of each name.
type metrics map[string]map[string]map[string]bool

// exposed returns what a scrape of a running API gets.
func exposed(t *testing.T) metrics {
	t.Helper()
	w := newTestWorld(t)
	status, err := w.send(t.Context(), http.MethodGet, w.token(nil))
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, status)
	families, err := w.registry.Gather()
	require.NoError(t, err)
	found := make(metrics)
	for _, f := range families {
		for _, m := range f.GetMetric() {
			name := f.GetName()
			if m.GetHistogram() != nil {
				name += "_bucket"
				found.add(name, "le", "")
			}
			found.add(name, "job", "")
			found.add(name, "instance", "")
			for _, pair := range m.GetLabel() {
				found.add(name, pair.GetName(), pair.GetValue())
			}
		}
	}
	return found
}

func (m metrics) add(name, label, value string) {
	if m[name] == nil {
		m[name] = make(map[string]map[string]bool)
	}
	if m[name][label] == nil {
		m[name][label] = make(map[string]bool)
	}
	m[name][label][value] = true
}

// hasLabel reports whether any name has the label.
func (m metrics) hasLabel(label string) bool {
	for _, labels := range m {
		if labels[label] != nil {
			return true
		}
	}
	return false
}

var (
	selector = regexp.MustCompile(`\b(?:\w+:)?bearerguard_\w+(?::\w+)?(?:\{([^}]*)\})?`)
	matcher  = regexp.MustCompile(`(\w+) ?(?:=~|!~|!=|=) ?(\\?"[^"]*"|%q)`)
	grouping = regexp.MustCompile(`\b(?:by|on|without|ignoring) ?\(([^)]*)\)`)
)

// check finds the names, labels and values in text that no metric has.
func (m metrics) check(t *testing.T, text string) {
	t.Helper()
	for _, found := range selector.FindAllStringSubmatch(text, -1) {
		name, _, _ := strings.Cut(found[0], "{")
		if strings.Contains(name, ":") {
			has(t, string(alerts), "record: "+name+"\n", "a rule records it")
			continue
		}
		if !assert.Contains(t, m, name, "no such metric") {
			continue
		}
		for _, pair := range matcher.FindAllStringSubmatch(found[1], -1) {
			m.checkValue(t, name, pair[1], strings.Trim(pair[2], `\"`))
		}
	}
	for _, found := range grouping.FindAllStringSubmatch(text, -1) {
		for label := range strings.SplitSeq(found[1], ",") {
			label = strings.TrimSpace(label)
			assert.True(t, m.hasLabel(label) || label == "alertname" || label == "severity", "no metric has the label %q", label)
		}
	}
}

// checkValue does not judge variables, nor values that every API has of its own.
func (m metrics) checkValue(t *testing.T, name, label, value string) {
	t.Helper()
	if !assert.Contains(t, m[name], label, "%s has no such label", name) || strings.ContainsAny(value, "$%") {
		return
	}
	switch label {
	case "job", "instance", "issuer":
		return
	}
	for one := range strings.SplitSeq(value, "|") {
		assert.Contains(t, m[name][label], one, "no such value of the label %s of %s", label, name)
	}
}

func TestAlertsNameWhatIsExposed(t *testing.T) {
	m := exposed(t)
	m.check(t, string(alerts))
	m.check(t, read(t, "alerts_test.yml"))
	for _, f := range figures {
		m.check(t, f.expr)
	}
}
