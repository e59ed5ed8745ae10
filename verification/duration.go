package verification

import (
	"encoding/json"
	"time"
)

// Duration is a duration that reads as words in JSON, "30m0s": what ops see of
// a run are its payloads as they are. A number is taken for nanoseconds.
type Duration time.Duration

// Std is the duration for the standard library.
func (d Duration) Std() time.Duration { return time.Duration(d) }

// MarshalJSON implements json.Marshaler.
func (d Duration) MarshalJSON() ([]byte, error) { return json.Marshal(time.Duration(d).String()) }

// UnmarshalJSON implements json.Unmarshaler.
func (d *Duration) UnmarshalJSON(data []byte) error {
	var words string
	if json.Unmarshal(data, &words) != nil {
		return json.Unmarshal(data, (*int64)(d))
	}
	parsed, err := time.ParseDuration(words)
	*d = Duration(parsed)
	return err
}

// plainPolicy is a policy without its methods, so that its JSON can be made
// and read in the usual way.
type plainPolicy Policy

// policyClocks stand above the policy's own members of the same names.
type policyClocks struct {
	*plainPolicy
	StartPatience    Duration `json:"start_patience"`
	RecordsPatience  Duration `json:"records_patience"`
	LastLookPatience Duration `json:"last_look_patience"`
	RetryWindow      Duration `json:"retry_window"`
	ReviewDeadline   Duration `json:"review_deadline"`
}

// MarshalJSON implements json.Marshaler: the clocks read as words.
func (p Policy) MarshalJSON() ([]byte, error) {
	return json.Marshal(policyClocks{
		(*plainPolicy)(&p), Duration(p.StartPatience), Duration(p.RecordsPatience),
		Duration(p.LastLookPatience), Duration(p.RetryWindow), Duration(p.ReviewDeadline),
	})
}

// UnmarshalJSON implements json.Unmarshaler.
func (p *Policy) UnmarshalJSON(data []byte) error {
	c := policyClocks{plainPolicy: (*plainPolicy)(p)}
	if err := json.Unmarshal(data, &c); err != nil {
		return err
	}
	p.StartPatience, p.RecordsPatience = c.StartPatience.Std(), c.RecordsPatience.Std()
	p.LastLookPatience, p.RetryWindow = c.LastLookPatience.Std(), c.RetryWindow.Std()
	p.ReviewDeadline = c.ReviewDeadline.Std()
	return nil
}
