package webhook

import (
	"encoding/json"
	"fmt"
	"time"
)

// Types of events.
const (
	Created       = "verification.created"
	RequiresInput = "verification.requires_input"
	InReview      = "verification.in_review"
	Completed     = "verification.completed"
	Expired       = "verification.expired"
	Canceled      = "verification.canceled"
	Failed        = "verification.error"
	Reopened      = "verification.reopened"
	// Redacted: the person was erased; what is left is the bare verdict.
	Redacted = "verification.redacted"
	// EndpointOff: another endpoint of the client's was switched off.
	EndpointOff = "webhook_endpoint.disabled"
	// Test is sent to the endpoint that it names, when somebody asks for it.
	Test = "webhook_endpoint.test"
)

// Types lists those that an endpoint can ask for; Test comes unasked.
func Types() []string {
	return []string{Created, RequiresInput, InReview, Completed, Expired, Canceled, Failed, Reopened, Redacted, EndpointOff}
}

// Event is what happened, as a receiver reads it. It names nobody.
type Event struct {
	ID        string    `json:"id"`
	Type      string    `json:"type"`
	Timestamp time.Time `json:"timestamp"`
	Data      any       `json:"data"`
}

// Verification is the data of an event about a verification.
type Verification struct {
	ID string `json:"verification_id"`
	// Reference is the caller's own word; nil: there is none, or it was erased.
	Reference *string  `json:"client_reference_id"`
	Status    string   `json:"status"`
	Decision  *string  `json:"decision"`
	Reasons   []string `json:"reasons"`
	// Sequence is 1, 2, 3 … of the verification, without gaps.
	Sequence int `json:"sequence"`
	// Version is that of the verification's ETag.
	Version int `json:"version"`
}

// AboutEndpoint is the data of an event about an endpoint.
type AboutEndpoint struct {
	ID string `json:"webhook_endpoint_id"`
}

// Body is the event as it is signed and sent.
func (e Event) Body() ([]byte, error) {
	body, err := json.Marshal(e)
	if err != nil {
		return nil, fmt.Errorf("webhook: event %s does not encode", e.ID)
	}
	return body, nil
}
