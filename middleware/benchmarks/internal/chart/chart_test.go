package chart_test

import (
	"encoding/xml"
	"errors"
	"io"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/middleware/benchmarks/internal/chart"
)

// elements returns an SVG's elements of a name, and fails if it is not well-formed.
func elements(t *testing.T, svg, name string) (found []map[string]string, texts []string) {
	t.Helper()
	decoder := xml.NewDecoder(strings.NewReader(svg))
	for {
		token, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			return found, texts
		}
		require.NoError(t, err)
		start, ok := token.(xml.StartElement)
		if !ok || start.Name.Local != name {
			continue
		}
		attributes := map[string]string{}
		for _, a := range start.Attr {
			attributes[a.Name.Local] = a.Value
		}
		found = append(found, attributes)
		if name == "text" {
			var content string
			require.NoError(t, decoder.DecodeElement(&content, &start))
			texts = append(texts, content)
		}
	}
}

func number(t *testing.T, text string) float64 {
	t.Helper()
	v, err := strconv.ParseFloat(text, 64)
	require.NoError(t, err)
	return v
}

func example() chart.Chart {
	return chart.Chart{Title: "Growth & cost", Panels: []chart.Panel{
		{Title: "tokens", X: "distinct tokens", Y: "µs per request", Lines: []chart.Line{
			{Name: "no <cache>", Points: []chart.Point{{X: 10, Y: 45}, {X: 1e6, Y: 46}}},
			{Name: "cache", Points: []chart.Point{{X: 10, Y: 0.9}, {X: 1e4, Y: 1.2}, {X: 1e6, Y: 45}}},
		}},
		{Title: "keys", X: "keys", Y: "µs", Lines: []chart.Line{{Name: "x", Points: []chart.Point{{X: 1, Y: 1}}}}},
		{Title: "empty", X: "nothing", Y: "µs"},
	}}
}

func TestSVGNamesEverything(t *testing.T) {
	svg := example().SVG()
	_, texts := elements(t, svg, "text")
	assert.Subset(t, texts, []string{
		"Growth & cost", "tokens", "distinct tokens", "µs per request", "no <cache>", "cache", // escaped
		"10", "1,000,000", "0.5", "1", "20", "50", "keys", "empty",
	})
}

func TestSVGDrawsEachPointInsideThePicture(t *testing.T) {
	svg := example().SVG()
	root, _ := elements(t, svg, "svg")
	width, height := number(t, root[0]["width"]), number(t, root[0]["height"])
	circles, _ := elements(t, svg, "circle")
	require.Len(t, circles, 6)
	for _, c := range circles {
		assert.True(t, number(t, c["cx"]) > 0 && number(t, c["cx"]) < width, c)
		assert.True(t, number(t, c["cy"]) > 0 && number(t, c["cy"]) < height, c)
	}
	assert.Less(t, number(t, circles[0]["cx"]), number(t, circles[1]["cx"]), "x grows to the right")
	assert.Less(t, number(t, circles[0]["cy"]), number(t, circles[2]["cy"]), "y grows upwards")
}

func TestSVGPanelsShareTheirScale(t *testing.T) {
	at := func(y float64) chart.Panel {
		return chart.Panel{Lines: []chart.Line{{Points: []chart.Point{{X: 1, Y: y}}}}}
	}
	circles, _ := elements(t, chart.Chart{Panels: []chart.Panel{at(1), at(1000), at(1)}}.SVG(), "circle")
	require.Len(t, circles, 3)
	assert.Equal(t, circles[0]["cy"], circles[2]["cy"])
	assert.Greater(t, number(t, circles[0]["cy"]), number(t, circles[1]["cy"]))
}

func TestSVGLeavesOutWhatHasNoLogarithm(t *testing.T) {
	points := []chart.Point{{X: 0, Y: 1}, {X: 1, Y: 0}, {X: -1, Y: -1}, {X: 10, Y: 10}}
	svg := chart.Chart{Panels: []chart.Panel{{Lines: []chart.Line{{Points: points}}}}}.SVG()
	circles, _ := elements(t, svg, "circle")
	assert.Len(t, circles, 1)
	assert.NotContains(t, svg, "NaN")
	assert.NotContains(t, svg, "Inf")
}

// A label in the middle of its tick needs half of its width on the right.
func TestLabelsAreNotCutOff(t *testing.T) {
	svg := example().SVG()
	labels, texts := elements(t, svg, "text")
	const widthOfDigit, panelWidth = 7, 430
	for i, text := range texts {
		if labels[i]["text-anchor"] == "middle" && labels[i]["transform"] == "" && text != "Growth & cost" {
			assert.Less(t, number(t, labels[i]["x"])+float64(len(text))*widthOfDigit/2, float64(panelWidth), text)
		}
	}
}
