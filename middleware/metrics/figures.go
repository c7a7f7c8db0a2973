package metrics

import "strings"

// A figure is one family about sources of a kind, whose status is an S.
type figure[S any] struct {
	name, kind, unit, help string

	label string // of the parts, or "" for a figure with one part
	parts func(s *S) []part
}

// A part is one value of a figure. A figure that does not apply to a source has none.
type part struct {
	label string
	value float64
}

// one returns the part of a figure that has no other.
func one[N int | uint64 | float64](value N) []part { return []part{{"", float64(value)}} }

// count returns a part of several.
func count[N int | uint64](label string, value N) part { return part{label, float64(value)} }

// only returns the parts of a figure if it applies.
func only(applies bool, parts ...part) []part {
	if !applies {
		return nil
	}
	return parts
}

// familiesOf returns a family for each figure. label is that of the sources, or "". Sources with
// the same value of the label have their sum.
func familiesOf[S any](figures []figure[S], label string, sources []labeled[S]) []Family {
	var families []Family
	for _, f := range figures {
		family := Family{Name: f.name, Kind: f.kind, Unit: f.unit, Help: f.help}
		for _, name := range []string{label, f.label} {
			if name != "" {
				family.Labels = append(family.Labels, name)
			}
		}
		places := make(map[string]int)
		for n := range sources {
			for _, p := range f.parts(&sources[n].status) {
				var values []string
				if label != "" {
					values = append(values, sources[n].label)
				}
				if f.label != "" {
					values = append(values, p.label)
				}
				family.sum(places, values, p.value)
			}
		}
		families = append(families, family)
	}
	return families
}

// sum adds a value to that of the series with these labels. places has where each series is.
func (f *Family) sum(places map[string]int, values []string, value float64) {
	key := strings.Join(values, "\x00")
	n, found := places[key]
	if !found {
		n = len(f.Series)
		places[key] = n
		f.Series = append(f.Series, Series{Values: values})
	}
	f.Series[n].Value += value
}

func flag(set bool) float64 {
	if set {
		return 1
	}
	return 0
}
