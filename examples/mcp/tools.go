package main

import (
	"context"
	"errors"
	"strings"
	"sync"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/bearerguard/bearerguard/claims"
	"github.com/bearerguard/bearerguard/middleware"
)

const (
	readScope  = "read:timesheets"
	writeScope = "write:timesheets"
)

// newServer returns the tools, each with the scope that it requires.
func newServer() *mcp.Server {
	server := mcp.NewServer(&mcp.Implementation{Name: "timesheets", Version: "1.0.0"}, nil)
	s := &store{hours: map[principal]float64{}}
	mcp.AddTool(server, &mcp.Tool{Name: "total_hours", Description: "The hours you have worked."},
		needs(middleware.AllScopes(readScope), s.total))
	mcp.AddTool(server, &mcp.Tool{Name: "add_hours", Description: "Add hours to those you have worked."},
		needs(middleware.AllScopes(writeScope), s.add))
	return server
}

// needs returns the tool with a policy in front of it. The caller learns the scopes that
// the policy requires, but not the text of the error, which is for logs.
func needs[In, Out any](policy middleware.Policy, tool mcp.ToolHandlerFor[In, Out]) mcp.ToolHandlerFor[In, Out] {
	return func(ctx context.Context, r *mcp.CallToolRequest, in In) (*mcp.CallToolResult, Out, error) {
		err := middleware.Authorize(ctx, policy)
		if err == nil {
			return tool(ctx, r, in)
		}
		var none Out
		if e, ok := errors.AsType[*middleware.Error](err); ok && len(e.Scopes) > 0 {
			return nil, none, errors.New("insufficient_scope: this tool needs " + strings.Join(e.Scopes, " "))
		}
		return nil, none, errors.New("not permitted")
	}
}

// A store keeps the hours of each principal in memory.
type store struct {
	mu    sync.Mutex // guards hours
	hours map[principal]float64
}

// A principal is the user or client of a token. A subject is unique only within its issuer.
type principal struct{ issuer, subject string }

type addition struct {
	Hours float64 `json:"hours" jsonschema:"the hours to add"`
}

type total struct {
	Subject string  `json:"sub"`
	Hours   float64 `json:"hours"`
}

func (s *store) total(ctx context.Context, r *mcp.CallToolRequest, _ struct{}) (*mcp.CallToolResult, total, error) {
	return s.add(ctx, r, addition{})
}

// add adds hours for the token's subject. No argument can name another subject.
func (s *store) add(ctx context.Context, _ *mcp.CallToolRequest, a addition) (*mcp.CallToolResult, total, error) {
	who, _ := claims.FromContext(ctx) // needs has checked that there are claims
	switch {
	case who.Subject() == "":
		return nil, total{}, errors.New("the token names no subject")
	case a.Hours < 0 || a.Hours > 24:
		return nil, total{}, errors.New("hours is not between 0 and 24")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	caller := principal{who.Issuer(), who.Subject()}
	s.hours[caller] += a.Hours
	return nil, total{Subject: caller.subject, Hours: s.hours[caller]}, nil
}
