package main

import (
	"context"

	"github.com/bearerguard/bearerguard/claims/explain"
)

// An explainFunc is the Explain method of a claims.Verifier.
type explainFunc func(ctx context.Context, token string, o explain.Options) explain.Report

// An explanation is what is shown of a token, as text, JSON or a page.
type explanation struct {
	report  explain.Report
	verdict verdict
	token   contents
}

func (f explainFunc) explain(ctx context.Context, token string, o explain.Options, personal bool) explanation {
	ctx, cancel := context.WithTimeout(ctx, explainTimeout)
	defer cancel()
	report := f(ctx, token, o)
	return explanation{
		report:  report,
		verdict: verdictOf(report),
		token:   viewer{now: report.At, personal: personal}.read(token),
	}
}
