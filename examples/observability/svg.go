package main

import (
	"bytes"
	"fmt"
	"html"
	"math"
	"strings"
	"time"
)

// A picture has charts below each other, over the same time.
type picture struct {
	start  time.Time
	length time.Duration
	marks  []mark
	alerts []mark
	charts []chart
}

// A mark is where something begins.
type mark struct {
	at    time.Duration
	title string
}

// A chart has the points of each name of its figure.
type chart struct {
	figure
	lines  [][]point
	states [][]point // by their order; nil if they are not drawn
}

// The measures of a picture, in pixels.
const (
	width, left, right = 960, 56, 200
	top, height, gap   = 66, 110, 44
	band               = 8
)

// style gives the picture a background of its own, because a page can be light or dark. The
// colours of the series, s0 to s7, are told apart by people with impaired colour vision, too.
const style = `
text { font: 12px system-ui, sans-serif; fill: #24292f }
.title { font-weight: 600; font-size: 13px }
.soft { fill: #57606a; font-size: 11px }
.paper { fill: #ffffff }
.grid { stroke: #d0d7de }
.mark { stroke: #8c959f; stroke-dasharray: 2 3 }
.alert { stroke: #7d1f1f; stroke-width: 2 }
polyline { fill: none; stroke-width: 2 }
.s0 { --c: #009e73 } .s1 { --c: #56b4e9 } .s2 { --c: #8c959f } .s3 { --c: #e69f00 }
.s4 { --c: #d55e00 } .s5 { --c: #0072b2 } .s6 { --c: #cc79a7 } .s7 { --c: #7d1f1f }
.fill { fill: var(--c) } polyline { stroke: var(--c) }
@media (prefers-color-scheme: dark) {
text { fill: #e6edf3 }
.soft { fill: #9da7b3 }
.paper { fill: #0d1117 }
.grid { stroke: #30363d }
.mark { stroke: #6e7681 }
.alert { stroke: #ff7b72 }
.s1 { --c: #a8daff } .s5 { --c: #3d8fd9 } .s7 { --c: #ff7b72 }
}
`

// colours are the colours of the series, by name.
var colours = map[string]int{
	"ok": 0, "forbidden": 6, "missing": 2, "refused": 3, "unavailable": 7,
	"expired": 1, "audience": 5, "issuer": 0, "signature": 3, "malformed": 2, "unknown_key": 4, "keys_unavailable": 7,
	"age": 5, "all": 4, "without a fetch": 2, "error": 7,
	"cold": 2, "fresh": 0, "stale-while-revalidate": 1, "stale-if-error": 3, "exhausted": 7,
}

func (p *picture) svg() []byte {
	bottom := top + len(p.charts)*(height+gap)
	out := new(bytes.Buffer)
	fmt.Fprint(out, `<svg xmlns="http://www.w3.org/2000/svg" role="img" `)
	fmt.Fprintf(out, `width="%d" height="%d" viewBox="0 0 %[1]d %[2]d">`, width, bottom)
	fmt.Fprintf(out, "\n<title>What Prometheus has stored of one run</title>\n<style>%s</style>\n", style)
	fmt.Fprintf(out, `<rect class="paper" width="%d" height="%d"/>`+"\n", width, bottom)
	for n, m := range p.marks {
		x := p.x(m.at.Seconds())
		fmt.Fprintf(out, `<line class="mark" x1="%.1f" x2="%.1[1]f" y1="%d" y2="%d"/>`, x, 20+14*(n%2), bottom-gap)
		fmt.Fprintf(out, `<text x="%.1f" y="%d">%s</text>`+"\n", x, 14+14*(n%2), html.EscapeString(m.title))
	}
	for n := range p.charts {
		p.draw(out, &p.charts[n], top+n*(height+gap))
	}
	p.drawTimes(out, bottom-gap+18)
	out.WriteString("</svg>\n")
	return out.Bytes()
}

// x returns where a number of seconds after the start is.
func (p *picture) x(seconds float64) float64 {
	return left + seconds/p.length.Seconds()*(width-left-right)
}

func (p *picture) at(v point) float64 { return p.x(v.after(p.start).Seconds()) }

// draw draws a chart whose plot begins at y.
func (p *picture) draw(out *bytes.Buffer, c *chart, y int) {
	limit := niceLimit(c.highest())
	to := func(value float64) float64 { return float64(y+height) - value/limit*height }
	fmt.Fprintf(out, `<text class="title" x="%d" y="%d">%s</text>`+"\n", left, y-8, html.EscapeString(c.title))
	for _, value := range []float64{0, limit / 2, limit} {
		fmt.Fprintf(out, `<line class="grid" x1="%d" x2="%d" y1="%.1f" y2="%.1[3]f"/>`, left, width-right, to(value))
		fmt.Fprintf(out, `<text class="soft" x="%d" y="%.1f" text-anchor="end">%g</text>`+"\n", left-6, to(value)+4, value)
	}
	base := make(map[float64]float64) // what the series below have together, by time
	for n, line := range c.lines {
		if c.stacked {
			p.drawArea(out, colours[c.names[n]], line, base, to)
		} else {
			p.drawLine(out, colours[c.names[n]], line, to)
		}
	}
	c.drawLegend(out, y)
	if c.states != nil {
		p.drawStates(out, c, y)
		p.drawAlerts(out, y)
	}
}

func (p *picture) drawTimes(out *bytes.Buffer, y int) {
	step := niceLimit(p.length.Seconds() / 7)
	for s := 0.0; s <= p.length.Seconds(); s += step {
		fmt.Fprintf(out, `<text class="soft" x="%.1f" y="%d" text-anchor="middle">%g s</text>`, p.x(s), y, s)
	}
	out.WriteByte('\n')
}

func (p *picture) drawLine(out *bytes.Buffer, colour int, line []point, to func(float64) float64) {
	var points []string
	for _, v := range line {
		points = append(points, fmt.Sprintf("%.1f,%.1f", p.at(v), to(v.value)))
	}
	fmt.Fprintf(out, `<polyline class="s%d" points="%s"/>`+"\n", colour, strings.Join(points, " "))
}

// drawArea draws a series on top of base, and adds the series to base.
func (p *picture) drawArea(out *bytes.Buffer, colour int, line []point, base map[float64]float64, to func(float64) float64) {
	var upper, lower []string
	for _, v := range line {
		x := p.at(v)
		lower = append(lower, fmt.Sprintf("%.1f,%.1f", x, to(base[v.time])))
		base[v.time] += v.value
		upper = append(upper, fmt.Sprintf("%.1f,%.1f", x, to(base[v.time])))
	}
	for n := len(lower) - 1; n >= 0; n-- {
		upper = append(upper, lower[n])
	}
	fmt.Fprintf(out, `<polygon class="s%d fill" points="%s"/>`+"\n", colour, strings.Join(upper, " "))
}

// drawLegend names the series from the top, as stacked areas are.
func (c *chart) drawLegend(out *bytes.Buffer, y int) {
	x := width - right + 14
	for n := len(c.names) - 1; n >= 0; n-- {
		fmt.Fprintf(out, `<rect class="s%d fill" x="%d" y="%d" width="10" height="10"/>`, colours[c.names[n]], x, y)
		fmt.Fprintf(out, `<text x="%d" y="%d">%s</text>`+"\n", x+16, y+10, html.EscapeString(c.names[n]))
		y += 15
	}
}

// drawStates draws a band below the plot, and its legend.
func (p *picture) drawStates(out *bytes.Buffer, c *chart, y int) {
	second := p.x(1) - p.x(0)
	for n, line := range c.states {
		for _, v := range line {
			fmt.Fprintf(out, `<rect class="s%d fill" x="%.1f" y="%d" width="%.1f" height="%d"/>`,
				colours[states[n]], p.at(v), y+height+1, min(second+0.5, width-right-p.at(v)), band)
		}
	}
	legend := chart{figure: figure{names: states}}
	legend.drawLegend(out, y+30)
}

func (p *picture) drawAlerts(out *bytes.Buffer, y int) {
	for _, a := range p.alerts {
		x := p.x(a.at.Seconds())
		fmt.Fprintf(out, `<line class="alert" x1="%.1f" x2="%.1[1]f" y1="%d" y2="%d"/>`, x, y, y+height)
		fmt.Fprintf(out, `<text x="%.1f" y="%d" text-anchor="end">%s</text>`+"\n", x-6, y+12, html.EscapeString(a.title))
	}
}

// highest returns the highest value that is drawn.
func (c *chart) highest() float64 {
	sums, highest := make(map[float64]float64), 0.0
	for _, line := range c.lines {
		for _, v := range line {
			if c.stacked {
				sums[v.time] += v.value
			} else {
				sums[v.time] = v.value
			}
			highest = max(highest, sums[v.time])
		}
	}
	return highest
}

// niceLimit returns a round number that is not less than value, and not much greater. It is 1
// for 0.
func niceLimit(value float64) float64 {
	if value <= 0 {
		return 1
	}
	power := math.Pow10(int(math.Floor(math.Log10(value))))
	for _, factor := range []float64{1, 2, 2.5, 4, 5} {
		if value <= factor*power {
			return factor * power
		}
	}
	return 10 * power
}
