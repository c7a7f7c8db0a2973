package main

import (
	"fmt"
	"io"
	"os"
)

// A figure is one chart of the picture. Each series is named by the value of a label.
type figure struct {
	title   string
	expr    string
	label   string
	stacked bool
	names   []string // of the series, from the bottom; a series of another name is not drawn
	states  bool     // whether the state of the key set is drawn below
}

// window is short, because all of a run takes a minute.
const window = "[3s]"

var figures = []figure{
	{
		title: "Requests by outcome, per second", stacked: true,
		expr:  `sum by (outcome) (rate(bearerguard_requests_total` + window + `))`,
		label: "outcome", names: []string{"ok", "forbidden", "missing", "refused", "unavailable"},
	}, {
		title: "Refusals by reason, per second", stacked: true,
		expr: `sum by (error_type) (
			rate(bearerguard_verifications_total{outcome=~"refused|forbidden|unavailable"}` + window + `))`,
		label: "error_type", names: []string{
			"forbidden", "expired", "audience", "issuer", "signature", "malformed", "unknown_key", "keys_unavailable",
		},
	}, {
		title: "Age of the key set, in seconds, and its state", states: true,
		expr:  `label_replace(max(bearerguard_jwks_age_seconds), "is", "age", "", "")`,
		label: "is", names: []string{"age"},
	}, {
		title: "Look-ups of unknown keys, per second",
		expr: `label_replace(sum(rate(bearerguard_jwks_unknown_kid_total` + window + `)), "is", "all", "", "")
			or label_replace(
				sum(rate(bearerguard_jwks_unknown_kid_suppressed_total` + window + `)), "is", "without a fetch", "", "")`,
		label: "is", names: []string{"all", "without a fetch"},
	}, {
		title: "Fetches of the key set, per second", stacked: true,
		expr:  `sum by (result) (rate(bearerguard_jwks_fetches_total` + window + `))`,
		label: "result", names: []string{"ok", "error"},
	},
}

// states are those of a key set, in the order in which it gets worse.
var states = []string{"cold", "fresh", "stale-while-revalidate", "stale-if-error", "exhausted"}

// report prints which alerts have fired, and draws the figures if c says so.
func (m *monitor) report(c config, s *story, out io.Writer) error {
	if len(s.began) == 0 {
		return nil
	}
	fired, err := m.fired(s)
	if err != nil {
		return err
	}
	fmt.Fprintln(out, "\nAlerts that fired:")
	for _, a := range fired {
		fmt.Fprintf(out, "%5.1f s  %s\n", a.at.Seconds(), a.title)
	}
	if c.draw == "" {
		return nil
	}
	p, err := m.picture(s, fired)
	if err != nil {
		return err
	}
	return os.WriteFile(c.draw, p.svg(), 0o644)
}

// fired returns when each alert has fired first.
func (m *monitor) fired(s *story) ([]mark, error) {
	found, err := m.over(s.began[0], s.ended, `max by (alertname) (ALERTS{alertstate="firing"})`)
	var marks []mark
	for _, a := range found {
		marks = append(marks, mark{a.Values[0].after(s.began[0]), a.Metric["alertname"]})
	}
	return marks, err
}

// picture reads from Prometheus what is drawn.
func (m *monitor) picture(s *story, fired []mark) (*picture, error) {
	p := &picture{start: s.began[0], length: s.ended.Sub(s.began[0]), alerts: fired}
	for n, at := range s.began {
		p.marks = append(p.marks, mark{at.Sub(p.start), chapters[n].title})
	}
	for _, f := range figures {
		found, err := m.over(p.start, s.ended, f.expr)
		if err != nil {
			return nil, err
		}
		c := chart{figure: f, lines: inOrder(found, f.label, f.names)}
		if f.states {
			if found, err = m.over(p.start, s.ended, "max by (state) (bearerguard_jwks_state) == 1"); err != nil {
				return nil, err
			}
			c.states = inOrder(found, "state", states)
		}
		p.charts = append(p.charts, c)
	}
	return p, nil
}

// inOrder returns the points of each name. A name without a series has none.
func inOrder(found []series, label string, names []string) [][]point {
	lines := make([][]point, len(names))
	for n, name := range names {
		for _, s := range found {
			if s.Metric[label] == name {
				lines[n] = s.Values
			}
		}
	}
	return lines
}
