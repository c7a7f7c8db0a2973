package issuerfile_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/claims"
	"github.com/bearerguard/bearerguard/examples/tenants/issuerfile"
)

// document returns a file with these issuers.
func document(names ...string) string {
	var issuers []string
	for _, name := range names {
		issuers = append(issuers, fmt.Sprintf(`{"url": "https://%s.example/", "audiences": ["api"]}`, name))
	}
	return "[" + strings.Join(issuers, ",\n") + "]\n"
}

func write(t *testing.T, path, text string) {
	t.Helper()
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
}

// A followed is a file, and what was made of it.
type followed struct {
	path     string
	watcher  *issuerfile.Watcher
	log      bytes.Buffer // read while all else waits
	sets     [][]string   // of each call of Replace
	problems error        // what Replace finds
}

func (f *followed) replace(issuers []claims.Issuer) error {
	var urls []string
	for _, issuer := range issuers {
		urls = append(urls, strings.TrimSuffix(strings.TrimPrefix(issuer.URL, "https://"), ".example/"))
	}
	f.sets = append(f.sets, urls)
	return f.problems
}

// follow follows a file until the bubble ends. Without a path it makes one with the issuer a.
func follow(t *testing.T, path string) *followed {
	t.Helper()
	f := &followed{path: path}
	if path == "" {
		f.path = filepath.Join(t.TempDir(), "issuers.json")
		write(t, f.path, document("a"))
	}
	var err error
	f.watcher, err = issuerfile.New(issuerfile.Config{
		Path: f.path, Replace: f.replace, Logger: slog.New(slog.NewTextHandler(&f.log, nil)),
	})
	require.NoError(t, err)
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- f.watcher.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		assert.ErrorIs(t, <-ended, context.Canceled)
	})
	return f
}

// look waits until the file was looked at.
func (f *followed) look() {
	time.Sleep(10 * time.Second)
	synctest.Wait()
}

// inForce returns the latest set that Replace accepted.
func (f *followed) inForce() []string { return f.sets[len(f.sets)-1] }

func (f *followed) warnings() int { return strings.Count(f.log.String(), "level=WARN") }

func TestChangesAreSeen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := follow(t, "")
		assert.Equal(t, [][]string{{"a"}}, f.sets, "New has loaded it")
		start := time.Now()
		f.look()
		require.NoError(t, os.Chtimes(f.path, time.Now(), time.Now()))
		f.look()
		assert.Len(t, f.sets, 1, "the same issuers are not replaced")

		write(t, f.path, document("a", "b"))
		f.look()
		assert.Equal(t, []string{"a", "b"}, f.inForce())
		s := f.watcher.Status()
		assert.Equal(t, 2, s.Issuers)
		assert.Equal(t, start.Add(30*time.Second), s.LoadedAt)
		assert.Equal(t, []uint64{2, 0}, []uint64{s.Loaded, s.Refused})
		assert.NoError(t, s.Problem)
		assert.Contains(t, f.log.String(), `msg="issuerfile: the issuers were replaced"`)
		assert.Zero(t, f.warnings())
	})
}

// A change of the same length within one tick of the file system's clock.
func TestChangeIsSeenWhateverItsTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := follow(t, "")
		before, err := os.Stat(f.path)
		require.NoError(t, err)
		write(t, f.path, document("b"))
		require.NoError(t, os.Chtimes(f.path, before.ModTime(), before.ModTime()))
		f.look()
		assert.Equal(t, []string{"b"}, f.inForce())
	})
}

func TestBadChangesKeepTheIssuers(t *testing.T) {
	for rule, spoil := range map[string]func(t *testing.T, f *followed){
		"half-written": func(t *testing.T, f *followed) {
			text := document("b", "c")
			write(t, f.path, text[:len(text)/2])
		},
		"truncated":   func(t *testing.T, f *followed) { require.NoError(t, os.Truncate(f.path, 0)) },
		"no audience": func(t *testing.T, f *followed) { write(t, f.path, `[{"url": "https://b.example/"}]`) },
		"no issuer":   func(t *testing.T, f *followed) { write(t, f.path, `[]`) },
		"too long":    func(t *testing.T, f *followed) { write(t, f.path, document("b")+strings.Repeat(" ", 1<<20)) },
		"gone":        func(t *testing.T, f *followed) { require.NoError(t, os.Remove(f.path)) },
		"a directory": func(t *testing.T, f *followed) {
			require.NoError(t, os.Remove(f.path))
			require.NoError(t, os.Mkdir(f.path, 0o700))
		},
		"refused addresses": func(t *testing.T, f *followed) {
			f.problems = errors.New("https is required")
			write(t, f.path, document("b"))
		},
	} {
		t.Run(rule, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := follow(t, "")
				loaded := f.watcher.Status().LoadedAt
				spoil(t, f)
				for range 3 {
					f.look()
				}
				assert.Equal(t, 1, f.warnings(), "one for each change: %s", &f.log)
				s := f.watcher.Status()
				assert.Error(t, s.Problem)
				assert.Equal(t, 1, s.Issuers)
				assert.Equal(t, loaded, s.LoadedAt)
				assert.Equal(t, []uint64{1, 1}, []uint64{s.Loaded, s.Refused})

				f.watcher.Reload()
				assert.Equal(t, 2, f.warnings(), "a signal asks again")
				f.problems = nil
				require.NoError(t, os.RemoveAll(f.path))
				write(t, f.path, document("c"))
				f.look()
				assert.Equal(t, []string{"c"}, f.inForce())
				assert.NoError(t, f.watcher.Status().Problem)
			})
		})
	}
}

func TestBadChangeThatIsTakenBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := follow(t, "")
		write(t, f.path, `[`)
		f.look()
		require.Error(t, f.watcher.Status().Problem)
		write(t, f.path, document("a"))
		f.look()
		assert.NoError(t, f.watcher.Status().Problem)
		assert.Len(t, f.sets, 1, "nothing is replaced")
		assert.Contains(t, f.log.String(), "has the issuers in force again")
		write(t, f.path, `[`)
		f.look()
		assert.Equal(t, 2, f.warnings(), "it is a change once more")
	})
}

func TestReloadDoesNotWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := follow(t, "")
		write(t, f.path, document("b"))
		f.watcher.Reload()
		assert.Equal(t, []string{"b"}, f.inForce())
		f.watcher.Reload()
		assert.Len(t, f.sets, 2, "the same issuers are not replaced")
	})
}

// swap makes the layout of a volume that Kubernetes makes from a ConfigMap: issuers.json is a link
// to ..data/issuers.json, and ..data a link to a directory of this version. As the kubelet does, it
// puts a new link in the place of ..data by a rename, and then removes the directory before.
func swap(t *testing.T, volume, version, text string) {
	t.Helper()
	before, _ := os.Readlink(filepath.Join(volume, "..data")) // there is none the first time
	require.NoError(t, os.Mkdir(filepath.Join(volume, version), 0o700))
	write(t, filepath.Join(volume, version, "issuers.json"), text)
	require.NoError(t, os.Symlink(version, filepath.Join(volume, "..data_tmp")))
	require.NoError(t, os.Rename(filepath.Join(volume, "..data_tmp"), filepath.Join(volume, "..data")))
	if before == "" {
		require.NoError(t, os.Symlink(filepath.Join("..data", "issuers.json"), filepath.Join(volume, "issuers.json")))
		return
	}
	require.NoError(t, os.RemoveAll(filepath.Join(volume, before)))
}

func TestConfigMapIsFollowed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		volume := t.TempDir()
		swap(t, volume, "..2026_11_28_20_00_00.1", document("a"))
		f := follow(t, filepath.Join(volume, "issuers.json"))
		swap(t, volume, "..2026_11_28_20_01_00.2", document("b"))
		f.look()
		assert.Equal(t, []string{"b"}, f.inForce())
		swap(t, volume, "..2026_11_28_20_02_00.3", `[{"url": "https://c.example/"}]`)
		f.look()
		assert.Equal(t, []string{"b"}, f.inForce())
		assert.Equal(t, 1, f.warnings())
		swap(t, volume, "..2026_11_28_20_03_00.4", document("c"))
		f.look()
		assert.Equal(t, []string{"c"}, f.inForce())
	})
}

// An operator asks for the status when a look takes long.
func TestStatusDoesNotWaitForALook(t *testing.T) {
	path := filepath.Join(t.TempDir(), "issuers.json")
	write(t, path, document("a"))
	var w *issuerfile.Watcher
	var during issuerfile.Status
	w, err := issuerfile.New(issuerfile.Config{Path: path, Logger: slog.New(slog.DiscardHandler), Replace: func([]claims.Issuer) error {
		if w != nil {
			during = w.Status()
		}
		return nil
	}})
	require.NoError(t, err)
	write(t, path, document("a", "b"))
	w.Reload()
	assert.Equal(t, 1, during.Issuers)
	assert.Equal(t, 2, w.Status().Issuers)
}

func TestBadFileIsAnErrorAtTheStart(t *testing.T) {
	dir := t.TempDir()
	bad, good := filepath.Join(dir, "bad.json"), filepath.Join(dir, "good.json")
	write(t, bad, `[{"url": "https://a.example/"}]`)
	write(t, good, document("a"))
	replace := func([]claims.Issuer) error { return nil }
	refuse := func([]claims.Issuer) error { return errors.New("https is required") }
	for rule, tt := range map[string]struct {
		config issuerfile.Config
		want   string
	}{
		"no regular file":   {issuerfile.Config{Path: os.DevNull, Replace: replace}, "not a regular file"},
		"no file":           {issuerfile.Config{Path: filepath.Join(dir, "none"), Replace: replace}, "no such file"},
		"no audience":       {issuerfile.Config{Path: bad, Replace: replace}, "/0: claims: invalid Issuer"},
		"refused addresses": {issuerfile.Config{Path: good, Replace: refuse}, "https is required"},
		"no configuration":  {issuerfile.Config{}, "Path: it is required\nissuerfile: invalid Config.Replace: it is required"},
		"too often":         {issuerfile.Config{Path: good, Replace: replace, Every: time.Millisecond}, "Every 1ms: it is less than 100ms"},
		"a negative time":   {issuerfile.Config{Path: good, Replace: replace, Every: -time.Second}, "Every -1s"},
	} {
		t.Run(rule, func(t *testing.T) {
			w, err := issuerfile.New(tt.config)
			assert.ErrorContains(t, err, tt.want)
			assert.Nil(t, w)
		})
	}
}
