package strict

import (
	"errors"
	"math"
	"strconv"
	"time"
)

// The reasons for which a NumericDate is refused.
var (
	ErrNotNumber  = errors.New("not a number")
	ErrOutOfRange = errors.New("out of range")
)

// maxNumericDate is the end of the year 9999, the last year that time.Time can print in every
// format. A later date is a mistake, such as milliseconds, or an attempt to overflow.
const maxNumericDate = 253402300799

// NumericDate returns the time, in UTC, of a JSON number of seconds since 1970 (RFC 7519
// section 2). The number may have a fraction. Times before 1970 or after the year 9999 are
// refused.
func NumericDate(literal string) (time.Time, error) {
	if literal == "" || literal[0] != '-' && (literal[0] < '0' || literal[0] > '9') {
		return time.Time{}, ErrNotNumber
	}
	if seconds, err := strconv.ParseInt(literal, 10, 64); err == nil {
		if seconds < 0 || seconds > maxNumericDate {
			return time.Time{}, ErrOutOfRange
		}
		return time.Unix(seconds, 0).UTC(), nil
	}
	seconds, err := strconv.ParseFloat(literal, 64)
	if err != nil || !(seconds >= 0 && seconds <= maxNumericDate) { // also false for NaN
		return time.Time{}, ErrOutOfRange
	}
	whole, fraction := math.Modf(seconds)
	return time.Unix(int64(whole), int64(fraction*float64(time.Second))).UTC(), nil
}
