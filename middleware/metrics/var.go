package metrics

import (
	"encoding/json"
	"fmt"

	"github.com/bearerguard/bearerguard/middleware"
)

// Var returns an expvar.Var, whose String is a JSON object of all figures by their names. A
// series that is 0 is left out if it has labels. A figure of what the program does not have is
// null, or an empty list if it has labels. auth is the Middleware whose decisions c counts.
//
// This package does not import expvar, which would register a handler that shows the command
// line and the memory of the process to every caller of http.DefaultServeMux.
func (c *Counts) Var(auth *middleware.Middleware) fmt.Stringer {
	c.adopt(auth.Status().Issuers)
	return published{c, auth}
}

type published struct {
	counts *Counts
	auth   *middleware.Middleware
}

func (p published) String() string {
	tree := make(map[string]any)
	for _, f := range p.counts.Families(p.auth.Status()) {
		tree[f.Name] = f.tree()
	}
	text, _ := json.Marshal(tree) // strings and finite numbers: it cannot fail
	return string(text)
}

// tree returns the value of a family without labels, or else a list of its series.
func (f *Family) tree() any {
	switch {
	case len(f.Labels) > 0:
	case len(f.Series) == 0:
		return nil
	default:
		return f.Series[0].Value
	}
	list := []map[string]any{}
	for _, s := range f.Series {
		member := make(map[string]any)
		switch {
		case s.Count > 0:
			member["count"], member["sum"] = s.Count, s.Sum
		case s.Value != 0:
			member["value"] = s.Value
		default:
			continue
		}
		for n, label := range f.Labels {
			member[label] = s.Values[n]
		}
		list = append(list, member)
	}
	return list
}
