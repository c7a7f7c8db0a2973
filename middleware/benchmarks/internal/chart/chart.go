// Package chart draws line charts as SVG: small panels side by side, both axes
// logarithmic, nothing to load and nothing to run.
package chart

import (
	"fmt"
	"html"
	"math"
	"strconv"
	"strings"
)

// A Chart is a title above rows of two panels, whose y axes are the same.
type Chart struct {
	Title  string
	Panels []Panel
}

// A Panel has axes and a legend of its own.
type Panel struct {
	Title string
	X, Y  string // what the axes count, with the unit
	Lines []Line
}

// A Line is a series of points, drawn in their order.
type Line struct {
	Name   string
	Points []Point
}

// A Point lies at positive coordinates: others cannot be drawn on logarithmic axes and
// are left out.
type Point struct{ X, Y float64 }

const (
	panelWidth, panelHeight = 430, 330
	titleHeight             = 40
	// Of a panel, around its plot.
	left, right, top, bottom = 62, 40, 64, 46
)

// The first four colours of Okabe and Ito's palette that show on white, which people with
// any colour vision tell apart, and dashes for print.
var (
	colours = []string{"#0072B2", "#D55E00", "#009E73", "#CC79A7"}
	dashes  = []string{"", "6 3", "2 3", "8 3 2 3"}
)

// SVG returns the chart as a document.
func (c Chart) SVG() string {
	rows := (len(c.Panels) + 1) / 2
	width, height := 2*panelWidth, titleHeight+rows*panelHeight
	var s strings.Builder
	fmt.Fprintf(&s, `<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="0 0 %d %d" `+
		`font-family="system-ui, sans-serif" font-size="12" fill="#222">`+"\n", width, height, width, height)
	fmt.Fprintf(&s, `<title>%s</title>`+"\n", html.EscapeString(c.Title))
	fmt.Fprintf(&s, `<rect width="%d" height="%d" fill="#fff"/>`+"\n", width, height)
	text(&s, float64(width)/2, 26, "middle", `font-size="16" font-weight="600"`, c.Title)
	y := newAxis(values(c.Panels, func(p Point) float64 { return p.Y }), panelHeight-bottom, top)
	for i, panel := range c.Panels {
		fmt.Fprintf(&s, `<g transform="translate(%d %d)">`+"\n", i%2*panelWidth, titleHeight+i/2*panelHeight)
		panel.draw(&s, y)
		s.WriteString("</g>\n")
	}
	s.WriteString("</svg>\n")
	return s.String()
}

func text(s *strings.Builder, x, y float64, anchor, attributes, content string) {
	fmt.Fprintf(s, `<text x="%.1f" y="%.1f" text-anchor="%s" %s>%s</text>`+"\n",
		x, y, anchor, attributes, html.EscapeString(content))
}

func (p Panel) draw(s *strings.Builder, y axis) {
	x := newAxis(values([]Panel{p}, func(p Point) float64 { return p.X }), left, panelWidth-right)
	text(s, left, 16, "start", `font-weight="600"`, p.Title)
	text(s, (left+panelWidth-right)/2, panelHeight-8, "middle", "", p.X)
	text(s, 0, 0, "middle", fmt.Sprintf(`transform="translate(14 %d) rotate(-90)"`, (top+panelHeight-bottom)/2), p.Y)
	for _, tick := range x.ticks() {
		at := x.at(tick)
		line(s, at, top, at, panelHeight-bottom)
		text(s, at, panelHeight-bottom+16, "middle", "", number(tick))
	}
	for _, tick := range y.ticks() {
		at := y.at(tick)
		line(s, left, at, panelWidth-right, at)
		text(s, left-6, at+4, "end", "", number(tick))
	}
	for i, l := range p.Lines {
		l.legend(s, i)
		l.draw(s, i, x, y)
	}
}

func line(s *strings.Builder, x1, y1, x2, y2 float64) {
	fmt.Fprintf(s, `<line x1="%.1f" y1="%.1f" x2="%.1f" y2="%.1f" stroke="#ddd"/>`+"\n", x1, y1, x2, y2)
}

func values(panels []Panel, of func(Point) float64) []float64 {
	var values []float64
	for _, p := range panels {
		for _, l := range p.Lines {
			for _, point := range l.drawable() {
				values = append(values, of(point))
			}
		}
	}
	return values
}

func (l Line) drawable() []Point {
	var points []Point
	for _, p := range l.Points {
		if p.X > 0 && p.Y > 0 {
			points = append(points, p)
		}
	}
	return points
}

// legend writes the names in two columns between the panel's title and its plot.
func (l Line) legend(s *strings.Builder, i int) {
	x, y := float64(left+i%2*185), float64(32+i/2*17)
	fmt.Fprintf(s, `<path d="M%.1f %.1fh22" %s/>`+"\n", x, y-4, stroke(i))
	text(s, x+28, y, "start", `font-size="11"`, l.Name)
}

func (l Line) draw(s *strings.Builder, i int, x, y axis) {
	var path strings.Builder
	for n, p := range l.drawable() {
		command := "L"
		if n == 0 {
			command = "M"
		}
		fmt.Fprintf(&path, "%s%.1f %.1f", command, x.at(p.X), y.at(p.Y))
		fmt.Fprintf(s, `<circle cx="%.1f" cy="%.1f" r="3" fill="%s"/>`+"\n", x.at(p.X), y.at(p.Y), colour(i))
	}
	fmt.Fprintf(s, `<path d="%s" %s/>`+"\n", path.String(), stroke(i))
}

func colour(i int) string { return colours[i%len(colours)] }

func stroke(i int) string {
	return fmt.Sprintf(`fill="none" stroke="%s" stroke-width="2" stroke-dasharray="%s"`, colour(i), dashes[i%len(dashes)])
}

// An axis maps the logarithms of values to a range of pixels.
type axis struct{ low, high, from, to float64 }

// newAxis reaches from one step to another around the values; steps are 1, 2 and 5 times the
// powers of ten. There is a power of ten within.
func newAxis(values []float64, from, to float64) axis {
	a := axis{low: math.Inf(1), high: math.Inf(-1), from: from, to: to}
	for _, v := range values {
		a.low, a.high = min(a.low, stepBelow(math.Log10(v))), max(a.high, -stepBelow(-math.Log10(v)))
	}
	if len(values) == 0 {
		a.low, a.high = 0, 1
	}
	if math.Ceil(a.low) >= math.Floor(a.high) {
		a.low, a.high = math.Floor(a.low), math.Floor(a.low)+1
	}
	return a
}

// stepBelow returns the logarithm of the last step up to e. It is symmetric: 1/2 and 1/5
// are steps, too.
func stepBelow(e float64) float64 {
	const tolerance = 1e-9
	whole := math.Floor(e + tolerance)
	for _, step := range []float64{math.Log10(5), math.Log10(2)} {
		if e-whole >= step-tolerance {
			return whole + step
		}
	}
	return whole
}

func (a axis) at(value float64) float64 {
	return a.from + (math.Log10(value)-a.low)/(a.high-a.low)*(a.to-a.from)
}

// ticks returns the powers of ten, and all steps where they have room.
func (a axis) ticks() []float64 {
	const roomy = 2.5 // decades
	var ticks []float64
	for e := math.Floor(a.low); e <= a.high; e++ {
		for _, step := range []float64{1, 2, 5} {
			at := e + math.Log10(step)
			if a.low-1e-9 <= at && at <= a.high+1e-9 && (step == 1 || a.high-a.low <= roomy) {
				ticks = append(ticks, step*math.Pow(10, e))
			}
		}
	}
	return ticks
}

// number groups thousands, so that a million can be read.
func number(v float64) string {
	if v < 1 {
		return strconv.FormatFloat(v, 'g', 3, 64)
	}
	digits := strconv.FormatFloat(v, 'f', 0, 64)
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}
