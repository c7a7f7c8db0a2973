package jwks

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

// almost1 is the largest random number that rand.Float64 returns.
const almost1 = 1 - 1.0/(1<<53)

func TestReconcileTakesTheLargerOfBothClocks(t *testing.T) {
	tests := map[string]struct {
		wall, monotonic time.Duration
		want            time.Duration
		setBack         bool
	}{
		"both agree":                             {time.Minute, time.Minute, time.Minute, false},
		"suspended: the monotonic clock stopped": {2 * time.Hour, time.Second, 2 * time.Hour, false},
		"wall clock set forward":                 {26 * time.Hour, time.Minute, 26 * time.Hour, false},
		"wall clock slewed back a little":        {-4 * time.Second, time.Second, time.Second, false},
		"wall clock set back by just 5 s":        {-5 * time.Second, 0, 0, false},
		"wall clock set back by more than 5 s":   {-5*time.Second - 1, 0, 0, true},
		"wall clock set back by a year":          {-365 * 24 * time.Hour, 3 * time.Hour, 3 * time.Hour, true},
		"set back within the span measured":      {50 * time.Minute, time.Hour, time.Hour, false},
		"both went back":                         {-time.Second, -time.Second, 0, false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got, setBack := reconcile(tt.wall, tt.monotonic)
			assert.Equal(t, tt.want, got)
			assert.Equal(t, tt.setBack, setBack)
		})
	}
}

func TestElapsedComparesBothClocks(t *testing.T) {
	then := time.Now()
	later := then.Add(time.Hour)               // both clocks
	setForward := then.Add(time.Hour).Round(0) // only the wall clock
	setBack := then.Add(-time.Hour).Round(0)   // the same, backwards
	for _, now := range []time.Time{later, setForward} {
		got, back := elapsed(now, then)
		assert.Equal(t, time.Hour, got)
		assert.False(t, back)
	}
	got, back := elapsed(setBack, then)
	assert.Zero(t, got)
	assert.True(t, back)
}

func TestStateByAge(t *testing.T) {
	s := newSchedule(0, 0, 0)
	const fresh = 15 * time.Minute
	tests := map[string]struct {
		age       time.Duration
		untrusted bool
		want      State
	}{
		"just read":                        {0, false, StateFresh},
		"one tick before RefreshAfter":     {fresh - 1, false, StateFresh},
		"at RefreshAfter":                  {fresh, false, StateRevalidating},
		"one tick before the window's end": {time.Hour - 1, false, StateRevalidating},
		"at the window's end":              {time.Hour, false, StateStale},
		"one tick before MaxStale":         {24*time.Hour - 1, false, StateStale},
		"at MaxStale":                      {24 * time.Hour, false, StateExhausted},
		"long after":                       {365 * 24 * time.Hour, false, StateExhausted},
		"clock set back: never fresh":      {0, true, StateStale},
		"clock set back: still exhausted":  {24 * time.Hour, true, StateExhausted},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			assert.Equal(t, tt.want, s.state(tt.age, fresh, tt.untrusted))
		})
	}
}

// The three numbers are those of the state table and of Config's documentation.
func TestScheduleDefaultsAndProportion(t *testing.T) {
	tests := map[string]struct {
		refreshAfter, revalidate, maxStale time.Duration
		want                               schedule
	}{
		"defaults": {
			0, 0, 0,
			schedule{15 * time.Minute, 45 * time.Minute, 24 * time.Hour, 5 * time.Minute, time.Hour, 45 * time.Minute},
		},
		"longer than the default: bounds stay": {
			time.Hour, 0, 0,
			schedule{time.Hour, 45 * time.Minute, 24 * time.Hour, 5 * time.Minute, time.Hour, 45 * time.Minute},
		},
		"a third: a third of everything but MaxStale": {
			5 * time.Minute, 0, 0,
			schedule{5 * time.Minute, 15 * time.Minute, 24 * time.Hour, 100 * time.Second, 20 * time.Minute, 15 * time.Minute},
		},
		"three seconds": {
			3 * time.Second, 0, 0,
			schedule{3 * time.Second, 9 * time.Second, 24 * time.Hour, time.Second, 12 * time.Second, 9 * time.Second},
		},
		"a configured window stays": {
			3 * time.Second, time.Minute, time.Hour,
			schedule{3 * time.Second, time.Minute, time.Hour, time.Second, 12 * time.Second, 9 * time.Second},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got := newSchedule(tt.refreshAfter, tt.revalidate, tt.maxStale)
			for _, d := range []struct{ want, got time.Duration }{
				{tt.want.refreshAfter, got.refreshAfter},
				{tt.want.revalidate, got.revalidate},
				{tt.want.maxStale, got.maxStale},
				{tt.want.floor, got.floor},
				{tt.want.ceiling, got.ceiling},
				{tt.want.conditional, got.conditional},
			} {
				assert.InDelta(t, d.want, d.got, float64(time.Microsecond))
			}
		})
	}
}

func TestFreshnessFromHeaders(t *testing.T) {
	const none = 15 * time.Minute
	tests := map[string]struct {
		cacheControl []string
		age          string
		want         time.Duration
	}{
		"no header":                           {nil, "", none},
		"only Age":                            {nil, "600", none},
		"only other directives":               {[]string{"public, no-cache, s-maxage=1200"}, "", none},
		"within the bounds":                   {[]string{"max-age=1200"}, "", 20 * time.Minute},
		"minus Age":                           {[]string{"max-age=1200"}, "300", 15 * time.Minute},
		"minus Age, never below 5 min":        {[]string{"max-age=1200"}, "1100", 5 * time.Minute},
		"Age beyond max-age":                  {[]string{"max-age=10"}, "99999999999999999999", 5 * time.Minute},
		"zero":                                {[]string{"max-age=0"}, "", 5 * time.Minute},
		"Auth0's 15 s":                        {[]string{"public, max-age=15, stale-while-revalidate=15"}, "", 5 * time.Minute},
		"a year":                              {[]string{"max-age=31536000"}, "", time.Hour},
		"beyond an int64":                     {[]string{"max-age=99999999999999999999"}, "", time.Hour},
		"case and spaces":                     {[]string{"public ,  Max-Age=1200 "}, "", 20 * time.Minute},
		"quoted":                              {[]string{`max-age="1200"`}, "", 20 * time.Minute},
		"duplicate in one line: the smaller":  {[]string{"max-age=1800, max-age=1200"}, "", 20 * time.Minute},
		"duplicate in two lines: the smaller": {[]string{"max-age=1200", "max-age=1800"}, "", 20 * time.Minute},
		"negative is ignored":                 {[]string{"max-age=-1"}, "", none},
		"a fraction is ignored":               {[]string{"max-age=1200.5"}, "", none},
		"a word is ignored":                   {[]string{"max-age=soon"}, "", none},
		"no value":                            {[]string{"max-age"}, "", none},
		"an invalid Age is ignored":           {[]string{"max-age=1200"}, "-5", 20 * time.Minute},
		"another name with the same ending":   {[]string{"x-max-age=1200"}, "", none},
	}
	s := newSchedule(0, 0, 0)
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			h := http.Header{"Cache-Control": tt.cacheControl}
			if tt.age != "" {
				h.Set("Age", tt.age)
			}
			assert.Equal(t, tt.want, s.freshness(h, 0))
		})
	}
}

func TestFreshnessJitterOnlyShortens(t *testing.T) {
	s := newSchedule(0, 0, 0)
	assert.Equal(t, 15*time.Minute, s.freshness(nil, 0))
	assert.Equal(t, 15*time.Minute-45*time.Second, s.freshness(nil, 0.5))
	assert.InDelta(t, 15*time.Minute-90*time.Second, s.freshness(nil, almost1), float64(time.Microsecond))
}

func TestFreshnessLeavesTheWindowBeforeMaxStale(t *testing.T) {
	s := newSchedule(10*time.Minute, 10*time.Minute, 30*time.Minute)
	h := http.Header{"Cache-Control": {"max-age=3600"}}
	assert.Equal(t, 20*time.Minute, s.freshness(h, 0))
}

func TestBackoffBounds(t *testing.T) {
	tests := map[string]struct {
		failures   int
		retryAfter time.Duration
		usable     bool
		low, high  time.Duration // at random 0 and almost 1
	}{
		"first failure":               {1, 0, true, time.Second, 2 * time.Second},
		"second":                      {2, 0, true, time.Second, 4 * time.Second},
		"eighth":                      {8, 0, true, time.Second, 256 * time.Second},
		"ninth: the limit":            {9, 0, true, time.Second, 5 * time.Minute},
		"millionth":                   {1e6, 0, true, time.Second, 5 * time.Minute},
		"cold: third is the limit":    {3, 0, false, time.Second, 5 * time.Second},
		"cold: millionth":             {1e6, 0, false, time.Second, 5 * time.Second},
		"Retry-After":                 {1, time.Minute, true, time.Minute, 72 * time.Second},
		"Retry-After shorter":         {9, 30 * time.Second, true, 30 * time.Second, 5 * time.Minute},
		"Retry-After beyond limit":    {1, time.Hour, true, 250 * time.Second, 5 * time.Minute},
		"cold: Retry-After":           {1, 10 * time.Second, false, 10 * time.Second, 12 * time.Second},
		"cold: Retry-After is capped": {1, time.Hour, false, time.Minute, 72 * time.Second},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			assert.Equal(t, tt.low, backoff(tt.failures, 0, tt.retryAfter, tt.usable))
			high := backoff(tt.failures, almost1, tt.retryAfter, tt.usable)
			assert.InDelta(t, tt.high, high, float64(time.Microsecond))
			assert.LessOrEqual(t, high, tt.high)
		})
	}
}

func TestBucketHoldsThreeAndRefillsOnePerTenSeconds(t *testing.T) {
	var b bucket
	now := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	for range 3 {
		assert.Zero(t, b.wait(now))
		assert.True(t, b.take(now))
	}
	assert.False(t, b.take(now))
	assert.Equal(t, 10*time.Second, b.wait(now))

	assert.False(t, b.take(now.Add(10*time.Second-1)), "a refused take costs nothing")
	assert.True(t, b.take(now.Add(10*time.Second)))
	assert.False(t, b.take(now.Add(10*time.Second)))

	later := now.Add(time.Hour)
	for range 3 {
		assert.True(t, b.take(later))
	}
	assert.False(t, b.take(later), "an idle hour fills it to three, not more")
}

func TestBucketGivesNoTokenForAClockSetBack(t *testing.T) {
	var b bucket
	now := time.Now()
	for range 3 {
		b.take(now)
	}
	back := now.Round(0).Add(-time.Hour)
	assert.False(t, b.take(back), "no credit for going back")
	assert.Equal(t, 10*time.Second, b.wait(back))
}

func FuzzFreshnessHeaders(f *testing.F) {
	for _, seed := range []string{"max-age=300", `public,max-age="1"`, "max-age=99999999999999999999", "max-age=-1", ",=,", ""} {
		f.Add(seed, "30")
	}
	plan := newSchedule(0, 0, 0)
	f.Fuzz(func(t *testing.T, cacheControl, age string) {
		h := map[string][]string{"Cache-Control": {cacheControl}, "Age": {age}}
		fresh := plan.freshness(h, 0)
		assert.GreaterOrEqual(t, fresh, minFreshness)
		assert.LessOrEqual(t, fresh, maxFreshness)
	})
}
