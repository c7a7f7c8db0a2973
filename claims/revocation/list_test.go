package revocation_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/claims"
	"github.com/bearerguard/bearerguard/claims/revocation"
	"github.com/bearerguard/bearerguard/jwks"
	"github.com/bearerguard/bearerguard/jwks/jwkstest"
)

func TestWhatEachKindCutsOff(t *testing.T) {
	now := time.Now()
	iat := issuedAt(now.Add(-time.Minute))
	token := `"jti":"j","sid":"s","sub":"u","client_id":"c",` + iat
	for _, tt := range []struct {
		rule    string
		entry   revocation.Entry
		members string
		revoked bool
	}{
		{"the token", revocation.Entry{Kind: revocation.Token, ID: "j", ExpiresAt: now.Add(time.Hour)}, token, true},
		{"another token", revocation.Entry{Kind: revocation.Token, ID: "j2", ExpiresAt: now.Add(time.Hour)}, token, false},
		{"a token without jti", revocation.Entry{Kind: revocation.Token, ID: "j", ExpiresAt: now.Add(time.Hour)}, iat, false},
		{"a token without iat", revocation.Entry{Kind: revocation.Token, ID: "j", ExpiresAt: now.Add(time.Hour)}, `"jti":"j"`, true},
		{"the jti as a sub", revocation.Entry{Kind: revocation.Token, ID: "u", ExpiresAt: now.Add(time.Hour)}, token, false},
		{"the session", revocation.Entry{Kind: revocation.Session, ID: "s"}, token, true},
		{"the session, also its later tokens", revocation.Entry{Kind: revocation.Session, ID: "s"}, `"sid":"s",` + issuedAt(now.Add(time.Minute)), true},
		{"the session, whatever iat says", revocation.Entry{Kind: revocation.Session, ID: "s"}, `"sid":"s","iat":253402300799`, true},
		{"another session", revocation.Entry{Kind: revocation.Session, ID: "S"}, token, false},
		{"the subject", revocation.Entry{Kind: revocation.Subject, ID: "u"}, token, true},
		{"the subject, a later token", revocation.Entry{Kind: revocation.Subject, ID: "u"}, `"sub":"u",` + issuedAt(now.Add(time.Minute)), false},
		{"another subject", revocation.Entry{Kind: revocation.Subject, ID: "c"}, token, false},
		{"the client", revocation.Entry{Kind: revocation.Client, ID: "c"}, token, true},
		{"the client in azp", revocation.Entry{Kind: revocation.Client, ID: "c"}, `"azp":"c",` + iat, true},
		{"another client", revocation.Entry{Kind: revocation.Client, ID: "u"}, token, false},
		{"the issuer", revocation.Entry{Kind: revocation.Issuer}, token, true},
		{"the issuer, a token with nothing else", revocation.Entry{Kind: revocation.Issuer}, iat, true},
		{"the issuer, a later token", revocation.Entry{Kind: revocation.Issuer}, issuedAt(now.Add(time.Minute)), false},
	} {
		t.Run(tt.rule, func(t *testing.T) {
			list := newList(t, revocation.Config{})
			tt.entry.Issuer = issuerURL
			require.NoError(t, list.Check(t.Context(), tokenWith(t, tt.members)), "before")
			require.NoError(t, list.Add(t.Context(), tt.entry))
			err := list.Check(t.Context(), tokenWith(t, tt.members))
			require.NoError(t, list.Check(t.Context(), tokenOf(t, otherURL, tt.members)), "of another issuer")
			require.NoError(t, list.Check(t.Context(), nil), "no claims")
			if !tt.revoked {
				require.NoError(t, err)
				return
			}
			require.ErrorIs(t, err, claims.ErrRevoked)
			require.NotErrorIs(t, err, claims.ErrUnavailable)
			assert.EqualError(t, err, "revocation: claims: token was revoked: by an entry of kind "+string(tt.entry.Kind))
			assert.EqualValues(t, 1, list.Status().Refused)
			assert.Equal(t, 1, list.Status().Entries[tt.entry.Kind])
		})
	}
}

// iat has whole seconds in most tokens, and the clock of the issuer differs from that of the
// application by up to five seconds.
func TestNotBefore(t *testing.T) {
	at := time.Now().Truncate(time.Second).Add(-time.Minute)
	for _, tt := range []struct {
		rule      string
		notBefore time.Time
		iat       string
		revoked   bool
	}{
		{"issued before", at, issuedAt(at.Add(-time.Hour)), true},
		{"in the same second", at, issuedAt(at), true},
		{"5 s later", at, issuedAt(at.Add(5 * time.Second)), true},
		{"6 s later", at, issuedAt(at.Add(6 * time.Second)), false},
		{"a fraction of the not-before is rounded up", at.Add(time.Nanosecond), issuedAt(at.Add(6 * time.Second)), true},
		{"and no further", at.Add(time.Nanosecond), issuedAt(at.Add(7 * time.Second)), false},
		{"a fraction of iat is cut", at, fmt.Sprintf(`"iat":%d.999`, at.Add(5*time.Second).Unix()), true},
		{"without iat", at, `"nbf":1`, true},
		{"iat is null", at, `"iat":null`, true},
		{"iat is a string", at, `"iat":"4102444800"`, true},
		{"iat in milliseconds", at, `"iat":4102444800000`, true},
		{"a time before 1970", time.Unix(-1e6, 0), issuedAt(at), false},
		{"a time before 1970, without iat", time.Unix(-1e6, 0), `"nbf":1`, true},
	} {
		for _, kind := range []revocation.Kind{revocation.Subject, revocation.Client, revocation.Issuer} {
			t.Run(tt.rule+", "+string(kind), func(t *testing.T) {
				list := newList(t, revocation.Config{})
				require.NoError(t, list.Add(t.Context(), revocation.Entry{Kind: kind, Issuer: issuerURL, ID: idOf(kind), NotBefore: tt.notBefore}))
				err := list.Check(t.Context(), tokenWith(t, `"sub":"x","azp":"x",`+tt.iat))
				assert.Equal(t, tt.revoked, errors.Is(err, claims.ErrRevoked))
			})
		}
	}
}

func idOf(kind revocation.Kind) string {
	if kind == revocation.Issuer {
		return ""
	}
	return "x"
}

func TestTheLatestNotBeforeCounts(t *testing.T) {
	at := time.Now().Truncate(time.Second).Add(-10 * time.Minute)
	list := newList(t, revocation.Config{})
	last := at
	for _, after := range []time.Duration{0, time.Minute, -time.Hour, 2 * time.Minute, time.Minute} {
		notBefore := at.Add(after)
		require.NoError(t, list.Add(t.Context(), revocation.Entry{Kind: revocation.Subject, Issuer: issuerURL, ID: "x", NotBefore: notBefore}))
		if notBefore.After(last) {
			last = notBefore
		}
		revoked := func(iat time.Time) error { return list.Check(t.Context(), tokenWith(t, `"sub":"x",`+issuedAt(iat))) }
		assert.ErrorIs(t, revoked(last.Add(5*time.Second)), claims.ErrRevoked)
		assert.NoError(t, revoked(last.Add(6*time.Second)))
		assert.Equal(t, 1, list.Status().Entries[revocation.Subject])
	}
}

// An entry lives for as long as a token that it refuses, and the largest leeway: twice that if iat
// can be ahead as well.
func TestEntriesForgetThemselves(t *testing.T) {
	for _, tt := range []struct {
		kind  revocation.Kind
		lives time.Duration
	}{
		{revocation.Token, 10*time.Minute + 5*time.Minute},
		{revocation.Session, lifetime + 10*time.Minute + 5*time.Second},
		{revocation.Subject, lifetime + 5*time.Minute + 5*time.Second},
		{revocation.Client, lifetime + 5*time.Minute + 5*time.Second},
		{revocation.Issuer, lifetime + 5*time.Minute + 5*time.Second},
	} {
		t.Run(string(tt.kind), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				list := newList(t, revocation.Config{})
				e := revocation.Entry{Kind: tt.kind, Issuer: issuerURL, ID: idOf(tt.kind)}
				if tt.kind == revocation.Token {
					e.ExpiresAt = time.Now().Add(10 * time.Minute)
				}
				require.NoError(t, list.Add(t.Context(), e))
				c := tokenWith(t, `"jti":"x","sid":"x","sub":"x","azp":"x",`+issuedAt(time.Now()))
				time.Sleep(tt.lives - time.Second)
				require.ErrorIs(t, list.Check(t.Context(), c), claims.ErrRevoked)
				assert.Equal(t, 1, list.Status().Entries[tt.kind])
				time.Sleep(2 * time.Second)
				require.NoError(t, list.Check(t.Context(), c))
				assert.Equal(t, 0, list.Status().Entries[tt.kind])
			})
		})
	}
}

// With a large Leeway, a token whose iat is ahead is accepted for twice the Leeway more.
func TestEntriesOutliveTokensOfALargeLeeway(t *testing.T) {
	for _, kind := range []revocation.Kind{revocation.Session, revocation.Token} {
		t.Run(string(kind), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				list, issuer := newList(t, revocation.Config{}), jwkstest.NewIssuer(jwkstest.Config{URL: issuerURL})
				keys, err := jwks.New(jwks.Config{Issuer: issuerURL, Client: issuer.Client(), Logger: silent})
				require.NoError(t, err)
				verifier, err := claims.NewVerifier(claims.Config{Issuers: []claims.Issuer{list.Protect(claims.Issuer{
					URL: issuerURL, Audiences: []string{jwkstest.Audience}, Keys: keys, MaxLifetime: lifetime, Leeway: 5 * time.Minute,
				})}})
				require.NoError(t, err)
				iat := time.Now().Add(5 * time.Minute)
				token := issuer.Token(members{"sid": "x", "jti": "x", "iat": iat.Unix(), "exp": iat.Add(lifetime).Unix()})
				_, err = verifier.Verify(t.Context(), token)
				require.NoError(t, err)
				require.NoError(t, list.Add(t.Context(), revocation.Entry{Kind: kind, Issuer: issuerURL, ID: "x"}))
				for range 80 {
					_, err = verifier.Verify(t.Context(), token)
					require.Error(t, err)
					time.Sleep(time.Minute)
				}
				require.NotErrorIs(t, err, claims.ErrRevoked, "the entry is forgotten")
			})
		})
	}
}

// The last token that it refuses is issued when its not-before has come.
func TestANotBeforeThatIsAhead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		list, at := newList(t, revocation.Config{}), time.Now().Add(12*time.Hour)
		require.NoError(t, list.Add(t.Context(), revocation.Entry{Kind: revocation.Client, Issuer: issuerURL, ID: "c", NotBefore: at}))
		time.Sleep(12*time.Hour + lifetime)
		assert.ErrorIs(t, list.Check(t.Context(), tokenWith(t, `"azp":"c",`+issuedAt(at))), claims.ErrRevoked)
	})
}

func TestATokenThatHasExpiredNeedsNoEntry(t *testing.T) {
	list := newList(t, revocation.Config{MaxEntries: 1})
	for range 10 {
		require.NoError(t, list.Add(t.Context(), revocation.Entry{Kind: revocation.Token, Issuer: issuerURL, ID: "x", ExpiresAt: time.Now().Add(-time.Hour)}))
	}
	assert.Equal(t, 0, list.Status().Entries[revocation.Token])
	require.NoError(t, list.Add(t.Context(), revocation.Entry{Kind: revocation.Token, Issuer: issuerURL, ID: "y"}), "with a MaxLifetime, the exp need not be known")
	assert.ErrorIs(t, list.Check(t.Context(), tokenWith(t, `"jti":"y"`)), claims.ErrRevoked)
}

func TestProtectKeepsTheHook(t *testing.T) {
	list := newList(t, revocation.Config{})
	own, asked := errors.New("own"), 0
	issuer := list.Protect(claims.Issuer{URL: issuerURL, MaxLifetime: lifetime, Audiences: []string{"a"}, Validate: func(context.Context, *claims.Claims) error {
		asked++
		return own
	}})
	assert.Equal(t, []string{"a"}, issuer.Audiences)
	c := tokenWith(t, `"sid":"x"`)
	assert.Equal(t, own, issuer.Validate(t.Context(), c))
	require.NoError(t, list.Add(t.Context(), revocation.Entry{Kind: revocation.Session, Issuer: issuerURL, ID: "x"}))
	assert.ErrorIs(t, issuer.Validate(t.Context(), c), claims.ErrRevoked)
	assert.Equal(t, 1, asked, "the list is asked first")
	require.NoError(t, list.Add(t.Context(), revocation.Entry{Kind: revocation.Session, Issuer: otherURL, ID: "x"}))
	assert.ErrorIs(t, issuer.Validate(t.Context(), tokenOf(t, otherURL, `"sid":"x"`)), claims.ErrRevoked, "a hook that was copied to another issuer")
	assert.NoError(t, list.Protect(claims.Issuer{URL: issuerURL}).Validate(t.Context(), tokenWith(t, `"sid":"y"`)))
}

// Two verifiers with different limits accept tokens of one issuer.
// Tenants come and go, and the memory for them is bounded.
func TestAFullList(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		list := newList(t, revocation.Config{MaxEntries: 100})
		session := func(n int) revocation.Entry {
			return revocation.Entry{Kind: revocation.Session, Issuer: issuerURL, ID: fmt.Sprint(n)}
		}
		for n := range 100 {
			require.NoError(t, list.Add(t.Context(), session(n)))
		}
		err := list.Add(t.Context(), session(100), session(7), session(101))
		require.EqualError(t, err, "revocation: the list is full: 2 entries were not added, because MaxEntries is 100")
		require.ErrorIs(t, err, claims.ErrUnavailable)
		for n := range 100 {
			assert.ErrorIs(t, list.Check(t.Context(), tokenWith(t, fmt.Sprintf(`"sid":"%d"`, n))), claims.ErrRevoked, "none is dropped")
		}
		require.NoError(t, list.Remove(t.Context(), session(50)))
		require.NoError(t, list.Add(t.Context(), session(100)))
		require.Error(t, list.Add(t.Context(), session(50)))
		time.Sleep(lifetime + 11*time.Minute)
		require.NoError(t, list.Add(t.Context(), session(50)), "those that have expired make room")
		assert.Equal(t, 1, list.Status().Entries[revocation.Session])
	})
}

func TestRemove(t *testing.T) {
	list := newList(t, revocation.Config{})
	c := tokenWith(t, `"sid":"x","sub":"y",`+issuedAt(time.Now()))
	session := revocation.Entry{Kind: revocation.Session, Issuer: issuerURL, ID: "x"}
	subject := revocation.Entry{Kind: revocation.Subject, Issuer: issuerURL, ID: "y"}
	require.NoError(t, list.Remove(t.Context(), session), "not on the list")
	require.NoError(t, list.Add(t.Context(), session, subject))
	require.NoError(t, list.Remove(t.Context(), session))
	assert.ErrorIs(t, list.Check(t.Context(), c), claims.ErrRevoked, "another entry refuses it")
	assert.Equal(t, map[revocation.Kind]int{"token": 0, "session": 0, "subject": 1, "client": 0, "issuer": 0}, list.Status().Entries)
	require.NoError(t, list.Remove(t.Context(), subject, session))
	assert.NoError(t, list.Check(t.Context(), c))
	require.NoError(t, list.Add(t.Context(), session))
	assert.ErrorIs(t, list.Check(t.Context(), c), claims.ErrRevoked)
}

// Once Add has returned, no request passes.
func TestConcurrentUse(t *testing.T) {
	list := newList(t, revocation.Config{})
	c := make([]*claims.Claims, 2000)
	for n := range c {
		c[n] = tokenWith(t, fmt.Sprintf(`"sid":"%d"`, n))
	}
	var all sync.WaitGroup
	for part := range 4 {
		all.Go(func() {
			for n := part; n < len(c); n += 4 {
				assert.NoError(t, list.Check(t.Context(), c[n]))
				assert.NoError(t, list.Add(t.Context(), revocation.Entry{Kind: revocation.Session, Issuer: issuerURL, ID: fmt.Sprint(n)}))
				for m := part; m <= n; m += 4 * max(1, n/64) {
					assert.ErrorIs(t, list.Check(t.Context(), c[m]), claims.ErrRevoked)
				}
				list.Protect(claims.Issuer{URL: fmt.Sprint(n), MaxLifetime: lifetime})
				if n%64 == part {
					_ = list.Status()
				}
			}
		})
	}
	all.Wait()
	assert.Equal(t, len(c), list.Status().Entries[revocation.Session])
}
