package api

import (
	"context"
	"slices"

	"github.com/yanzhen-id/yanzhen/api/contract"
	"github.com/yanzhen-id/yanzhen/starter"
	"github.com/yanzhen-id/yanzhen/verification"
)

// mayUse reports whether the client may start verifications under a policy.
func (c *Client) mayUse(policy string) bool {
	return len(c.Policies) == 0 || slices.Contains(c.Policies, policy)
}

// policyFault refuses a policy that is not the client's as it refuses one that
// does not exist.
func policyFault(c *Client, policy string) []starter.FieldError {
	if c.mayUse(policy) {
		return nil
	}
	return []starter.FieldError{starter.UnknownPolicy()}
}

// ListPolicies answers GET /v1/policies.
func (s *server) ListPolicies(ctx context.Context, _ contract.ListPoliciesRequestObject) (contract.ListPoliciesResponseObject, error) {
	who := callerOf(plain(ctx))
	out := contract.ListPolicies200JSONResponse{Policies: []contract.Policy{}}
	for _, p := range s.Verifications.Policies() {
		if s.maySee(who, p.Name) {
			out.Policies = append(out.Policies, policyAnswer(p))
		}
	}
	return out, nil
}

// maySee: the caller's own client, or one of those that a reviewer decides for,
// uses the policy.
func (s *server) maySee(who *caller, policy string) bool {
	return slices.ContainsFunc(who.of, func(c *Client) bool { return c.mayUse(policy) })
}

func policyAnswer(p verification.Policy) contract.Policy {
	out := contract.Policy{
		Name: p.Name, Version: p.Version, Presentation: contract.Presentation(p.Presentation), Checks: []contract.PolicyCheck{},
		NfcReqid: p.Wants(verification.DocumentChip), Attempts: p.Attempts, Sessions: p.Sessions,
		AlwaysReview: p.AlwaysReview, OneOpen: p.OneOpen,
		LinkLife: p.LinkLife.Std().String(), HumanRoute: p.HumanRoute, Consents: []contract.Purpose{},
	}
	for _, c := range p.Consents {
		out.Consents = append(out.Consents, contract.Purpose(c))
	}
	for _, t := range verification.CheckTypes {
		if p.Wants(t) {
			out.Checks = append(out.Checks, contract.PolicyCheck{Type: contract.CheckType(t), Requirement: contract.PolicyCheckRequirement(p.Requirement(t))})
		}
	}
	return out
}
