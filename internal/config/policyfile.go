package config

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"

	"github.com/yanzhen-id/yanzhen/verification"
)

// PolicyIn reads the policy of a file: one policy alone, or a catalogue with a list
// of policies, of which the one with the name is taken. As in the catalogue it is
// laid over the policy of its name, if there is one. Every fault is reported at once.
func (c *Config) PolicyIn(text []byte, name string) (verification.Policy, error) {
	file, nodes, err := policiesIn(text)
	if err != nil {
		return verification.Policy{}, err
	}
	var all []verification.Policy
	var names []string
	for _, node := range nodes {
		p, err := file.policy(node, func(name string) verification.Policy {
			if base, ok := c.Policies[name]; ok {
				return base
			}
			return verification.DefaultPolicy()
		})
		if err != nil {
			return verification.Policy{}, err
		}
		if len(nodes) > 1 && name != "" && p.Name != name {
			continue
		}
		all, names = append(all, p), append(names, fmt.Sprintf("%q", p.Name))
	}
	switch {
	case len(nodes) == 0:
		return verification.Policy{}, errors.New("there is no policy in it")
	case len(all) == 0:
		return verification.Policy{}, fmt.Errorf("there is no policy %q in it", name)
	case len(all) > 1:
		return verification.Policy{}, fmt.Errorf("it holds the policies %s: name one of them", strings.Join(names, ", "))
	}
	p := all[0]
	faults := Errors(p.Validate())
	for _, provider := range slices.Concat(p.FaceProviders, p.RecordsProviders, []string{p.ChipProvider, p.Comparer}) {
		if fault := c.unknownProvider(p, provider); provider != "" && fault != nil {
			faults = append(faults, fault)
		}
	}
	return p, errors.Join(faults...)
}

// policiesIn are the policies of a file, each as it is written.
func policiesIn(text []byte) (catalogue, []ast.Node, error) {
	parsed, err := parser.ParseBytes(text, 0)
	if err != nil {
		return catalogue{}, nil, plain(err)
	}
	if len(parsed.Docs) != 1 || parsed.Docs[0].Body == nil {
		return catalogue{}, nil, errors.New("it is not one YAML document")
	}
	body := parsed.Docs[0].Body
	alone := catalogue{decoder: yaml.NewDecoder(bytes.NewReader(text), yaml.Strict())}
	var said map[string]any
	if err := alone.decoder.DecodeFromNode(body, &said); err != nil {
		return catalogue{}, nil, plain(err)
	}
	if _, ok := said["policies"]; !ok {
		return alone, []ast.Node{body}, nil
	}
	file, err := parse(bytes.NewReader(text))
	return file, file.Policies, err
}
