package jwks

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/internal/keyset"
)

func readAll(t *testing.T, pattern string) string {
	t.Helper()
	names, err := filepath.Glob(pattern)
	require.NoError(t, err)
	require.NotEmpty(t, names)
	var all strings.Builder
	for _, name := range names {
		text, err := os.ReadFile(name)
		require.NoError(t, err)
		all.Write(text)
	}
	return all.String()
}

func TestEachDocumentedPromiseHasTests(t *testing.T) {
	tests := readAll(t, "*_test.go")
	for _, match := range regexp.MustCompile(`- (P\d):`).FindAllStringSubmatch(readAll(t, "cache.go"), -1) {
		assert.Contains(t, tests, "func Test"+match[1], match[1])
	}
	assert.Len(t, regexp.MustCompile(`- P[1-7]:`).FindAllString(readAll(t, "cache.go"), -1), 7)
}

// prose returns a file's text in one line, without comment marks.
func prose(t *testing.T, name string) string {
	t.Helper()
	return strings.Join(strings.Fields(strings.ReplaceAll(readAll(t, name), "//", " ")), " ")
}

func TestDocumentedDefaultsOfConfig(t *testing.T) {
	doc := prose(t, "config.go")
	for _, sentence := range []string{
		fmt.Sprintf("It defaults to %d minutes and is at most one hour", defaultRefreshAfter/time.Minute),
		fmt.Sprintf("never below %d minutes or above one hour", minFreshness/time.Minute),
		fmt.Sprintf("A RefreshAfter under %d minutes", defaultRefreshAfter/time.Minute),
		fmt.Sprintf("It defaults to %d minutes. StaleWhileRevalidate", defaultRevalidate/time.Minute),
		fmt.Sprintf("It defaults to %d hours, and is at least", defaultMaxStale/time.Hour),
		fmt.Sprintf("NewFetchLimit(%d)", defaultFetchLimit),
	} {
		assert.Contains(t, doc, sentence)
	}
	assert.Equal(t, time.Hour, maxFreshness)
	assert.Contains(t, prose(t, "fetchlimit.go"), fmt.Sprintf("counts as failed after %d s", abandonAfter/time.Second))
}

func TestDocumentedNumbersAreTheOnesInUse(t *testing.T) {
	doc := prose(t, "cache.go")
	for _, sentence := range []string{
		fmt.Sprintf("RefreshAfter %d minutes, less up to %d %% at random; at most %d hour",
			defaultRefreshAfter/time.Minute, int(freshnessJitter*100), maxFreshness/time.Hour),
		fmt.Sprintf("never below %d minutes or above %d hour", minFreshness/time.Minute, maxFreshness/time.Hour),
		fmt.Sprintf("StaleWhileRevalidate %d minutes", defaultRevalidate/time.Minute),
		fmt.Sprintf("MaxStale %d hours", defaultMaxStale/time.Hour),
		fmt.Sprintf("FetchLimit %d fetches", defaultFetchLimit),
		fmt.Sprintf("set back by more than %d s", clockTolerance/time.Second),
		fmt.Sprintf("a request waits at most %d seconds", maxWait/time.Second),
		fmt.Sprintf("a fetch takes at most %d seconds", fetchTimeout/time.Second),
		fmt.Sprintf("retries of a fetch %d, after 0.1 to 0.9 seconds", maxRetries),
		fmt.Sprintf("forced fetches %d at once, then 1 per %d seconds", forcedBurst, forcedInterval/time.Second),
		fmt.Sprintf("backoff %d second to %d minutes", minBackoff/time.Second, maxBackoff/time.Minute),
		fmt.Sprintf("at most %d seconds if cold or exhausted", maxColdBackoff/time.Second),
		fmt.Sprintf("%d KiB after decompression, %d keys, kids of %d bytes; 64 KiB of header",
			keyset.MaxDocumentBytes>>10, keyset.MaxKeys, keyset.MaxKeyIDBytes),
		fmt.Sprintf("is read again after %d hours", rediscovery/time.Hour),
		fmt.Sprintf("by default %d h, at most %d h %d min with a long max-age",
			(defaultRefreshAfter+defaultRevalidate)/time.Hour, (maxFreshness+defaultRevalidate)/time.Hour,
			(maxFreshness+defaultRevalidate)%time.Hour/time.Minute),
	} {
		assert.Contains(t, doc, sentence)
	}
	for _, state := range []State{StateCold, StateFresh, StateRevalidating, StateStale, StateExhausted} {
		assert.Contains(t, doc, string(state)+" ")
	}
}
