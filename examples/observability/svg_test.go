package main

import (
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// wellFormed checks that a text is XML.
func wellFormed(t *testing.T, text string) {
	t.Helper()
	decoder := xml.NewDecoder(strings.NewReader(text))
	for {
		_, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			return
		}
		require.NoError(t, err)
	}
}

func TestPicture(t *testing.T) {
	start := time.Unix(1000, 0)
	line := []point{{1000, 1}, {1005, 3}, {1010, 3}}
	p := &picture{
		start: start, length: 10 * time.Second,
		marks:  []mark{{0, "usual"}, {5 * time.Second, "a < b"}},
		alerts: []mark{{5 * time.Second, "TooLate"}},
		charts: []chart{
			{
				figure: figure{title: "Stacked", names: []string{"ok", "refused"}, stacked: true},
				lines:  [][]point{line, line},
			},
			{
				figure: figure{title: "Lines", names: []string{"age", "all"}, states: true},
				lines:  [][]point{line, nil},
				states: [][]point{nil, {{1000, 1}}, nil, nil, {{1005, 1}, {1010, 1}}},
			},
		},
	}
	svg := string(p.svg())
	wellFormed(t, svg)
	assert.NotRegexp(t, `NaN|%!`, svg)
	assert.Contains(t, svg, "a &lt; b")
	assert.Contains(t, svg, "TooLate")
	// The plot of the first chart is 704 wide and ends at y 176. Its limit is 10 for a sum of 6.
	for _, points := range []string{
		`"56.0,165.0 408.0,143.0 760.0,143.0 760.0,176.0 408.0,176.0 56.0,176.0"`, // the first area
		`"56.0,154.0 408.0,110.0 760.0,110.0 760.0,143.0 408.0,143.0 56.0,165.0"`, // the second, on top of it
		`"56.0,302.5 408.0,247.5 760.0,247.5"`,                                    // the line; its limit is 4
	} {
		assert.Contains(t, svg, "points="+points)
	}
}

func TestEachSeriesHasAColour(t *testing.T) {
	for _, f := range figures {
		used := make(map[int]string)
		for _, name := range f.names {
			colour, ok := colours[name]
			require.True(t, ok, name)
			assert.Empty(t, used[colour], "%s: the colour of %s", f.title, name)
			used[colour] = name
		}
	}
	for _, name := range states {
		assert.Contains(t, colours, name)
	}
}

func TestNiceLimit(t *testing.T) {
	for value, want := range map[float64]float64{0: 1, 0.03: 0.04, 1: 1, 1.1: 2, 24: 25, 393: 400, 501: 1000} {
		assert.InDelta(t, want, niceLimit(value), 1e-9, value)
	}
}

func TestPointsOfPrometheus(t *testing.T) {
	var found []point
	require.NoError(t, json.Unmarshal([]byte(`[[1000.5,"2.5"],[1001,"NaN"]]`), &found))
	assert.Equal(t, point{1000.5, 2.5}, found[0])
	assert.Equal(t, 1500*time.Millisecond, found[0].after(time.Unix(999, 0)))
	assert.Error(t, json.Unmarshal([]byte(`[[1000,"x"]]`), &found))
}

// The picture of the README shows what the program draws now.
func TestPictureIsCurrent(t *testing.T) {
	svg := read(t, "figures.svg")
	wellFormed(t, svg)
	parts := []string{style, ">BearerguardKeySetExhausted<"}
	for _, f := range figures {
		parts = append(parts, ">"+f.title+"<")
		for _, name := range f.names {
			parts = append(parts, ">"+name+"<")
		}
	}
	for _, ch := range chapters {
		parts = append(parts, ">"+ch.title+"<")
	}
	for _, part := range parts {
		has(t, svg, part, "draw it again, as the README says")
	}
}
