package config

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/yanzhen-id/yanzhen/provider"
	"github.com/yanzhen-id/yanzhen/verification"
)

// A policy stands in a file of its own, or in a catalogue's list, and is laid over the
// policy of its name. What is wrong with it is told by the property's name.
func TestAPolicyIsReadFromAFile(t *testing.T) {
	c, err := Load(nil, nil, Needs{})
	require.NoError(t, err)
	c.Vendors = []Vendor{{Vendor: provider.Vendor{Name: "tencent_eid"}}, {Vendor: provider.Vendor{Name: "acedata"}}}
	base := c.Policies["cn-resident"]
	read := func(text, name string) (verification.Policy, error) { return c.PolicyIn([]byte(text), name) }

	p, err := read("name: cn-resident\nversion: 9\nsuspicion: decline\n", "")
	require.NoError(t, err)
	want := base
	want.Version, want.Suspicion = 9, verification.SuspicionDecline
	require.Equal(t, want, p)
	p, err = read("clients: []\npolicies:\n- {name: other, version: 1, checks: {document_validity: required}}\n- {name: cn-resident, version: 9, suspicion: decline}\n", "cn-resident")
	require.NoError(t, err)
	require.Equal(t, want, p)
	p, err = read("policies:\n- {name: other, version: 1, checks: {document_validity: required}}\n", "cn-resident")
	require.NoError(t, err, "the one that there is")
	require.Equal(t, "other", p.Name)

	for name, tc := range map[string]struct{ text, policy, want string }{
		"empty":              {"", "", "not one YAML document"},
		"no YAML":            {"name: [", "", "[1:"},
		"two documents":      {"name: a\n---\nname: b\n", "", "not one YAML document"},
		"a list":             {"- name: a\n", "", "[1:1]"},
		"no policy":          {"policies: []\n", "", "there is no policy in it"},
		"several":            {"policies:\n- {name: a, version: 1}\n- {name: b, version: 1}\n", "", `it holds the policies "a", "b": name one of them`},
		"another's name":     {"policies:\n- {name: a, version: 1}\n- {name: b, version: 1}\n", "c", `there is no policy "c" in it`},
		"no name":            {"version: 1\nchecks: {document_validity: required}\n", "", "name is empty"},
		"no version":         {"name: a\nchecks: {document_validity: required}\n", "", "version must be 1 or more"},
		"a misspelt field":   {"name: a\nversion: 1\nsuspition: decline\n", "", `unknown field "suspition"`},
		"a field twice":      {"name: a\nname: b\nversion: 1\n", "", `"name" already defined`},
		"no number":          {"name: a\nversion: 1\nattempts: many\n", "", "[3:11]"},
		"a bad word":         {"name: cn-resident\nversion: 9\nsuspicion: jail\n", "", `suspicion: "jail": want review or decline`},
		"a bad requirement":  {"name: cn-resident\nversion: 9\nchecks: {liveness: perhaps}\n", "", `checks.liveness: "perhaps": want required, if_available or off`},
		"no such check":      {"name: cn-resident\nversion: 9\nchecks: {gait: required}\n", "", `checks: "gait" is no check`},
		"no such provider":   {"name: cn-resident\nversion: 9\nface_providers: [tencent_aid]\n", "", `policy cn-resident: unknown provider "tencent_aid", want one of`},
		"approves everybody": {"name: a\nversion: 1\nchecks: {document_validity: if_available}\n", "", "at least one must be required"},
	} {
		_, err := read(tc.text, tc.policy)
		require.ErrorContains(t, err, tc.want, name)
	}
}
