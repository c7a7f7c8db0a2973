package tenants_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestATenantThatIsRememberedCostsNoAllocation(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	s := newService(t)
	_, err := s.verify(first)
	require.NoError(t, err)
	ctx := context.Background()
	assert.Zero(t, testing.AllocsPerRun(100, func() { _, _ = s.resolver.Resolve(ctx, first) }))
	token := s.issuers[first].Token(nil)
	_, _ = s.verifier.Verify(ctx, token)
	assert.Zero(t, testing.AllocsPerRun(100, func() { _, _ = s.verifier.Verify(ctx, token) }))
}

func BenchmarkResolve(b *testing.B) {
	s := newService(b)
	_, err := s.verify(first)
	require.NoError(b, err)
	ctx := context.Background()
	b.ReportAllocs()
	for b.Loop() {
		_, _ = s.resolver.Resolve(ctx, first)
	}
}
