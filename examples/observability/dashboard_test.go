package main

import (
	"encoding/json"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A dashboard has what is checked of dashboard.json.
type dashboard struct {
	SchemaVersion int
	Panels        []panel
	Annotations   struct{ List []target }
	Templating    struct{ List []variable }
}

type variable struct {
	Name, Type string
	Definition string
	Datasource *datasource
}

type datasource struct{ Type, UID string }

type panel struct {
	ID                       int
	Type, Title, Description string
	Datasource               datasource
	GridPos                  struct{ H, W, X, Y int }
	FieldConfig              struct{ Defaults struct{ Unit string } }
	Targets                  []target
}

type target struct {
	RefID              string
	Expr, LegendFormat string
	Datasource         datasource
}

func readDashboard(t *testing.T) *dashboard {
	t.Helper()
	d := new(dashboard)
	require.NoError(t, json.Unmarshal([]byte(read(t, "dashboard.json")), d))
	require.NotEmpty(t, d.Panels)
	return d
}

// expressions returns all of the dashboard, with the variables filled in.
func (d *dashboard) expressions() []string {
	var all []string
	filled := strings.NewReplacer("$__rate_interval", "5s", "$__range", "1m", "$job", ".*", "$issuer", ".*")
	for _, p := range d.Panels {
		for _, target := range p.Targets {
			all = append(all, filled.Replace(target.Expr))
		}
	}
	return all
}

var fromVariable = datasource{"prometheus", "${datasource}"}

func TestDashboardNamesWhatIsExposed(t *testing.T) {
	d, m := readDashboard(t), exposed(t)
	legend := regexp.MustCompile(`\{\{(\w+)\}\}`)
	for _, p := range d.Panels {
		for _, target := range p.Targets {
			m.check(t, target.Expr)
			for _, found := range legend.FindAllStringSubmatch(target.LegendFormat, -1) {
				assert.Contains(t, target.Expr+" job instance issuer", found[1], p.Title)
				assert.True(t, m.hasLabel(found[1]), "%s: no metric has the label %q", p.Title, found[1])
			}
		}
	}
	for _, v := range d.Templating.List {
		m.check(t, v.Definition)
	}
}

func TestDashboardHasWhatAnOperatorNeeds(t *testing.T) {
	d := readDashboard(t)
	assert.Equal(t, 41, d.SchemaVersion, "that of Grafana 12.0")
	ids, refs, rows := make(map[int]bool), 0, []string{}
	for _, p := range d.Panels {
		assert.False(t, ids[p.ID], "%s: its id is a duplicate", p.Title)
		ids[p.ID] = true
		assert.NotEmpty(t, p.Title)
		if p.Type == "row" {
			rows = append(rows, p.Title)
			continue
		}
		assert.NotEmpty(t, p.Description, p.Title)
		assert.NotEmpty(t, p.FieldConfig.Defaults.Unit, p.Title)
		assert.Equal(t, fromVariable, p.Datasource, p.Title)
		require.NotEmpty(t, p.Targets, p.Title)
		for _, target := range p.Targets {
			refs++
			assert.NotEmpty(t, target.RefID, p.Title)
			assert.Equal(t, fromVariable, target.Datasource, p.Title)
			assert.Contains(t, target.Expr, `job=~"$job"`, p.Title)
		}
	}
	assert.Equal(t, []string{
		"Traffic by outcome", "Refusals by reason", "Key sets", "Caches",
		"Revoked tokens", "Opaque tokens and tenants", "Proofs, gateways and issuers",
	}, rows)
	readme := read(t, "README.md")
	for _, row := range rows {
		has(t, readme, "**"+row+".**", "the README says what it tells")
	}
	assert.Equal(t, fromVariable, d.Annotations.List[0].Datasource)
}

func TestDashboardVariables(t *testing.T) {
	var names []string
	for _, v := range readDashboard(t).Templating.List {
		names = append(names, v.Name)
		if v.Type != "datasource" {
			assert.Equal(t, &fromVariable, v.Datasource, v.Name)
		}
	}
	assert.Equal(t, []string{"datasource", "job", "issuer"}, names)
}

func TestPanelsDoNotOverlap(t *testing.T) {
	taken := make(map[[2]int]string)
	for _, p := range readDashboard(t).Panels {
		assert.LessOrEqual(t, p.GridPos.X+p.GridPos.W, 24, p.Title)
		for x := range p.GridPos.W {
			for y := range p.GridPos.H {
				cell := [2]int{p.GridPos.X + x, p.GridPos.Y + y}
				require.Empty(t, taken[cell], "%s is in the same place", p.Title)
				taken[cell] = p.Title
			}
		}
	}
}
