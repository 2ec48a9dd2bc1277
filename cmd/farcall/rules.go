// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"
	"go.yaml.in/yaml/v3"
	"google.golang.org/genproto/googleapis/api/annotations"
	"google.golang.org/protobuf/encoding/protojson"
)

const rulesHelp = `Rules reads a google.api.Service, as YAML or JSON, and writes its http as JSON: what
protojson reads into the google.api.Http of server.Options.REST.Rules. What else the
file has is for other programs and left out.`

func newRulesCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "rules FILE",
		Short: "Write the HTTP rules of a google.api.Service as JSON",
		Long:  rulesHelp,
		Args:  cobra.ExactArgs(1),
		RunE: func(command *cobra.Command, args []string) error {
			rules, err := readRules(args[0])
			if err != nil {
				return err
			}
			return writeRules(command.OutOrStdout(), rules)
		},
	}
}

// writeRules writes the rules in one way: protojson varies its spaces on purpose.
func writeRules(to io.Writer, rules *annotations.Http) error {
	text, err := protojson.MarshalOptions{UseProtoNames: true}.Marshal(rules)
	if err != nil {
		return err
	}
	encoder := json.NewEncoder(to)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	return encoder.Encode(json.RawMessage(text))
}

var errNoRules = errors.New("it has no HTTP rules: a google.api.Service has them as http: rules: […]")

// readRules reads the http of a google.api.Service from a file. YAML is JSON in other words (google.api.Service has no field
// that the two write differently), so that one reader does for both.
func readRules(name string) (*annotations.Http, error) {
	text, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	var service struct {
		HTTP any `yaml:"http"`
	}
	if err := yaml.Unmarshal(text, &service); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if service.HTTP == nil {
		return nil, fmt.Errorf("%s: %w", name, errNoRules)
	}
	written, err := json.Marshal(service.HTTP)
	if err != nil {
		return nil, fmt.Errorf("%s: http: %w", name, err)
	}
	rules := &annotations.Http{}
	if err := protojson.Unmarshal(written, rules); err != nil {
		return nil, fmt.Errorf("%s: http: %w", name, err)
	}
	if len(rules.Rules) == 0 {
		return nil, fmt.Errorf("%s: %w", name, errNoRules)
	}
	return rules, nil
}
