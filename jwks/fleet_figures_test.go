package jwks_test

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// fleetSizes are the columns of the table of fleets in the documentation of Cache. It has one more
// column: the busiest second of the largest fleet.
var fleetSizes = []int{1, 100, 1000}

// fleetFigures are the rows of that table.
var fleetFigures = map[string]func(t *testing.T, f *fleet) load{
	"quiet": func(t *testing.T, f *fleet) load {
		defer f.run(t)()
		time.Sleep(10 * time.Minute)
		return f.during(time.Hour, nothing)
	},
	"rotation, seen within 10 s": func(t *testing.T, f *fleet) load {
		defer f.run(t)()
		time.Sleep(time.Minute)
		return f.during(10*time.Second, func() {
			f.issuer.Publish(newKey)
			f.publish(f.issuer)
			for _, cache := range f.replicas { // a client of each gets its first token of the new key
				time.AfterFunc(rand.N(9900*time.Millisecond), func() { requireKnown(t, cache, newKey.ID) })
			}
		})
	},
	"restart, all at once": func(t *testing.T, f *fleet) load {
		stop := func() {}
		defer func() { stop() }()
		return f.during(time.Second, func() { stop = f.run(t) })
	},
	"outage, warm, first 5 minutes": func(t *testing.T, f *fleet) load {
		defer f.run(t)()
		time.Sleep(13*time.Minute + 30*time.Second) // no set is due before
		f.fail(http.Header{})
		return f.during(5*time.Minute, nothing)
	},
	"outage, warm, later": func(t *testing.T, f *fleet) load {
		defer f.run(t)()
		time.Sleep(time.Minute)
		f.fail(http.Header{})
		time.Sleep(29 * time.Minute)
		return f.during(5*time.Minute, nothing)
	},
	"outage, cold": func(t *testing.T, f *fleet) load {
		f.fail(http.Header{})
		defer f.run(t)()
		time.Sleep(10 * time.Second)
		return f.during(20*time.Second, nothing)
	},
}

// TestFleetFigures checks the table of fleets in the documentation of Cache: the averages within
// 20 %, and the busiest second, which is a matter of chance, within 30 %.
//
//	go test -run TestFleetFigures -v ./jwks
func TestFleetFigures(t *testing.T) {
	table := documentedFleets(t)
	require.Len(t, table, len(fleetFigures))
	for name, figure := range fleetFigures {
		require.Contains(t, table, name)
		for column, n := range fleetSizes {
			t.Run(fmt.Sprint(name, ", ", n), func(t *testing.T) {
				t.Parallel()
				if raceEnabled && n > 100 {
					t.Skip("a thousand replicas take minutes under the race detector")
				}
				var average float64
				// What a replica does is a matter of chance. Late in an outage the average of a hundred
				// has a standard deviation of 5 %, and that of three hundred one of 3 %.
				peak, repeats := 0, max(1, 300/n)
				for range repeats {
					bubble(t, func(t *testing.T) {
						got := figure(t, newFleet(t, n))
						average += got.average / float64(repeats)
						peak = max(peak, got.peak)
					})
				}
				t.Logf("%.4f a second, %d in the busiest", average, peak)
				assert.InEpsilon(t, table[name][column], average, 0.2)
				if column == len(fleetSizes)-1 {
					assert.InEpsilon(t, table[name][column+1], float64(peak), 0.3)
				}
			})
		}
	}
}

// documentedFleets returns the rows of the table by their names.
func documentedFleets(t *testing.T) map[string][]float64 {
	t.Helper()
	text, err := os.ReadFile("cache.go")
	require.NoError(t, err)
	_, section, found := strings.Cut(string(text), "// # Fleets\n")
	require.True(t, found)
	section, _, _ = strings.Cut(section, "// # ")
	table := make(map[string][]float64)
	row := regexp.MustCompile(`(?m)^//\t(\S.*?)\s{2,}([\d.,]+)\s+([\d.,]+)\s+([\d.,]+)\s+([\d.,]+)$`)
	for _, match := range row.FindAllStringSubmatch(section, -1) {
		for _, cell := range match[2:] {
			number, err := strconv.ParseFloat(strings.ReplaceAll(cell, ",", ""), 64)
			require.NoError(t, err)
			table[match[1]] = append(table[match[1]], number)
		}
	}
	return table
}
