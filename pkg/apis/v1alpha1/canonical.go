package v1alpha1

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"
)

// canonicalYAML spells YAML that means the same alike: comments, blanks, styles and the order of keys say nothing. The
// order of lists and of documents stays. A text that is no YAML is its own spelling: no node can be made of it.
//
// Scalars keep their text, since Talos reads some fields as text: 1.10 is not 1.1 for an environment variable.
func canonicalYAML(text string) string {
	var documents []string
	decoder := yaml.NewDecoder(strings.NewReader(text))
	for {
		var document yaml.Node
		err := decoder.Decode(&document)
		if errors.Is(err, io.EOF) {
			return strings.Join(documents, "\n")
		}
		if err != nil {
			return text
		}
		if spelt := canonicalNode(&document); spelt != `!!null ""` {
			documents = append(documents, spelt)
		}
	}
}

// canonicalNode writes a node in one row. An alias is written as such and not followed: ten rows of aliases can stand
// for a tree that fills the memory.
func canonicalNode(node *yaml.Node) string {
	anchor := ""
	if node.Anchor != "" {
		anchor = "&" + node.Anchor + " "
	}
	switch node.Kind {
	case yaml.DocumentNode:
		if len(node.Content) == 0 {
			return `!!null ""`
		}
		return canonicalNode(node.Content[0])
	case yaml.MappingNode:
		var pairs []string
		for i := 0; i+1 < len(node.Content); i += 2 {
			pairs = append(pairs, canonicalNode(node.Content[i])+": "+canonicalNode(node.Content[i+1]))
		}
		slices.Sort(pairs)
		return anchor + node.ShortTag() + "{" + strings.Join(pairs, ", ") + "}"
	case yaml.SequenceNode:
		var items []string
		for _, item := range node.Content {
			items = append(items, canonicalNode(item))
		}
		return anchor + node.ShortTag() + "[" + strings.Join(items, ", ") + "]"
	case yaml.AliasNode:
		return "*" + node.Value
	default:
		return fmt.Sprintf("%s%s %q", anchor, node.ShortTag(), node.Value)
	}
}
