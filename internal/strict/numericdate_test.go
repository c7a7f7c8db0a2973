package strict_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/internal/strict"
)

func TestNumericDate(t *testing.T) {
	for literal, want := range map[string]time.Time{
		`0`:            time.Unix(0, 0),
		`-0`:           time.Unix(0, 0),
		`1893557045`:   time.Unix(1893557045, 0),
		`1.5`:          time.Unix(1, 5e8), // RFC 7519 section 2
		`1.9e9`:        time.Unix(1_900_000_000, 0),
		`253402300799`: time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC),
	} {
		got, err := strict.NumericDate(literal)
		require.NoError(t, err, literal)
		assert.Equal(t, want.UTC(), got)
	}
	for literal, want := range map[string]error{
		``: strict.ErrNotNumber, `"1"`: strict.ErrNotNumber, `null`: strict.ErrNotNumber, `true`: strict.ErrNotNumber,
		`[1]`: strict.ErrNotNumber, `-1`: strict.ErrOutOfRange, `-0.5`: strict.ErrOutOfRange,
		`253402300800`: strict.ErrOutOfRange, `1893557045000`: strict.ErrOutOfRange, // milliseconds
		`9223372036854775808`: strict.ErrOutOfRange, `18446744073709551617`: strict.ErrOutOfRange,
		`1e300`: strict.ErrOutOfRange, `1e400`: strict.ErrOutOfRange, `-1e400`: strict.ErrOutOfRange,
		"1" + strings.Repeat("0", 10_000): strict.ErrOutOfRange,
	} {
		_, err := strict.NumericDate(literal)
		assert.ErrorIs(t, err, want, literal)
	}
}
