package main

import (
	"bytes"
	"math"
	"os"
	"strconv"

	"github.com/go-analyze/charts/chartdraw"
	"github.com/go-analyze/charts/chartdraw/drawing"
)

// The palette of Okabe and Ito, which most people with impaired colour vision can tell
// apart.
var colours = []string{"#000000", "#D55E00", "#E69F00", "#0072B2", "#009E73", "#CC79A7", "#56B4E9"}

// drawGrowth writes the growth tables as an SVG. Both axes are logarithmic: the values
// are logarithms, and the ticks are powers of ten.
func (r *results) drawGrowth(path string) error {
	var lines []chartdraw.Series
	for _, table := range []string{"Tokens", "Issuers", "Keys", "Scopes"} {
		for _, column := range r.columns[table] {
			if column != "cache off" || table == "Tokens" {
				lines = append(lines, r.line(table, column, colours[len(lines)%len(colours)]))
			}
		}
	}
	grid := chartdraw.Style{StrokeColor: drawing.ParseColor("#dddddd"), StrokeWidth: 1}
	microseconds := ticks(-1, 3)
	chart := chartdraw.Chart{
		Width: 1000, Height: 460,
		Background: chartdraw.Style{Padding: chartdraw.Box{Top: 20, Left: 20, Right: 270, Bottom: 20, IsSet: true}},
		XAxis: chartdraw.XAxis{
			Name: "tokens, issuers, keys or scopes", Ticks: ticks(0, 6), GridMajorStyle: grid, GridMinorStyle: grid,
		},
		YAxis: chartdraw.YAxis{Style: chartdraw.Hidden(), Ticks: microseconds}, // it would be on the right
		YAxisSecondary: chartdraw.YAxis{
			Name: "µs per request", Ticks: microseconds, GridMajorStyle: grid, GridMinorStyle: grid,
		},
		Series: lines,
	}
	chart.Elements = []chartdraw.Renderable{func(r chartdraw.Renderer, box chartdraw.Box, style chartdraw.Style) {
		box.Left = box.Right + 20 // the legend is beside the plot
		chartdraw.Legend(&chart, chartdraw.Style{StrokeColor: drawing.ColorWhite})(r, box, style)
	}}
	var svg bytes.Buffer
	if err := chart.Render(chartdraw.SVG, &svg); err != nil {
		return err
	}
	return os.WriteFile(path, svg.Bytes(), 0o644)
}

func (r *results) line(table, column, colour string) chartdraw.ContinuousSeries {
	line := chartdraw.ContinuousSeries{
		Name: table + ", " + column, YAxis: chartdraw.YAxisSecondary,
		Style: chartdraw.Style{
			StrokeWidth: 2, StrokeColor: drawing.ParseColor(colour), DotWidth: 3, DotColor: drawing.ParseColor(colour),
		},
	}
	for _, row := range r.rows[table] {
		n, _ := strconv.ParseFloat(row, 64)
		line.XValues = append(line.XValues, math.Log10(n))
		line.YValues = append(line.YValues, math.Log10(1e6*r.median(cell{table, row, column}, seconds)))
	}
	return line
}

// ticks returns the powers of ten from one exponent to another.
func ticks(from, to int) []chartdraw.Tick {
	var ticks []chartdraw.Tick
	for exponent := from; exponent <= to; exponent++ {
		label := grouped(strconv.FormatFloat(math.Pow10(exponent), 'f', -1, 64))
		ticks = append(ticks, chartdraw.Tick{Value: float64(exponent), Label: label})
	}
	return ticks
}
