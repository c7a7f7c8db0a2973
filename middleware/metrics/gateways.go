package metrics

import (
	"github.com/bearerguard/bearerguard/middleware/forwardauth"
)

func gatewayFigures() []figure[forwardauth.Status] {
	return []figure[forwardauth.Status]{{
		"bearerguard.forwardauth.refusals", counter, "{request}", "Requests of gateways that no Guard has decided about", "cause",
		func(s *forwardauth.Status) []part {
			return []part{
				count("untrusted", s.Untrusted), count("unset", s.Unset), count("malformed", s.Malformed), count("unlisted", s.Unlisted),
			}
		},
	}}
}
