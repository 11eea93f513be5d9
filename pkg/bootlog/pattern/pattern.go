// Package pattern is an expression that first looks for the words which every line that it matches has.
package pattern

import (
	"regexp"
	"regexp/syntax"
	"slices"
	"strings"
)

// Pattern is an expression, and the words of which every line that it matches has one. A console has thousands of lines
// and each is held against a hundred expressions: looking for words first saves almost all of their work.
type Pattern struct {
	*regexp.Regexp

	// Words are in lower case.
	Words []string
}

// Line is a line of text, and the same in lower case: that is what words are looked for in.
type Line struct {
	Text   string
	folded string
}

// New compiles an expression, "" to nil.
func New(expression string) *Pattern {
	if expression == "" {
		return nil
	}
	p := &Pattern{Regexp: regexp.MustCompile(expression)}
	if parsed, err := syntax.Parse(expression, syntax.Perl); err == nil {
		p.Words = wordsOf(parsed)
	}
	return p
}

// NewLine returns a line of text.
func NewLine(text string) Line { return Line{Text: text, folded: fold(text)} }

// fold is the text as an expression without case sees it: that takes the long s for an s.
func fold(text string) string { return strings.ReplaceAll(strings.ToLower(text), "ſ", "s") }

// May reports whether the expression can match the line.
func (p *Pattern) May(l Line) bool {
	return len(p.Words) == 0 ||
		slices.ContainsFunc(p.Words, func(word string) bool { return strings.Contains(l.folded, word) })
}

// Matches reports whether the expression matches the line.
func (p *Pattern) Matches(l Line) bool { return p.May(l) && p.MatchString(l.Text) }

// Groups returns where the groups of the expression are in the line, nil if it does not match.
func (p *Pattern) Groups(l Line) []int {
	if !p.May(l) {
		return nil
	}
	return p.FindStringSubmatchIndex(l.Text)
}

// wordsOf returns the words of which one is in everything that the expression matches, none if there is no such word.
func wordsOf(re *syntax.Regexp) []string {
	if words := spell(re); words != nil {
		return without(words)
	}
	switch re.Op {
	case syntax.OpCapture, syntax.OpPlus:
		return wordsOf(re.Sub[0])
	case syntax.OpRepeat:
		if re.Min > 0 {
			return wordsOf(re.Sub[0])
		}
	case syntax.OpConcat:
		return longest(re.Sub)
	case syntax.OpAlternate:
		var out []string
		for _, sub := range re.Sub {
			words := wordsOf(sub)
			if len(words) == 0 {
				return nil
			}
			out = append(out, words...)
		}
		return out
	default: // what matches nothing, or any of several characters, has no word
	}
	return nil
}

// longest returns the words of the part whose shortest word is the longest: fewest lines have them. Parts that can be
// spelled out and follow each other are one.
func longest(parts []*syntax.Regexp) []string {
	var best, row []string
	take := func(words []string) {
		if words = without(words); shortest(words) > shortest(best) {
			best = words
		}
	}
	for _, part := range parts {
		if words := product(row, spell(part)); words != nil {
			row = words
			continue
		}
		take(row)
		if row = spell(part); row == nil {
			take(wordsOf(part))
		}
	}
	take(row)
	return best
}

// spell returns all texts that the expression matches, nil if they are too many.
func spell(re *syntax.Regexp) []string {
	switch re.Op {
	case syntax.OpLiteral:
		return []string{fold(string(re.Rune))}
	case syntax.OpCapture:
		return spell(re.Sub[0])
	case syntax.OpEmptyMatch, syntax.OpWordBoundary, syntax.OpBeginText, syntax.OpEndText:
		return []string{""}
	case syntax.OpQuest:
		if words := spell(re.Sub[0]); words != nil {
			return append([]string{""}, words...)
		}
	case syntax.OpCharClass:
		return spellClass(re.Rune)
	case syntax.OpConcat:
		out := []string{""}
		for _, sub := range re.Sub {
			if out = product(out, spell(sub)); out == nil {
				return nil
			}
		}
		return out
	case syntax.OpAlternate:
		var out []string
		for _, sub := range re.Sub {
			words := spell(sub)
			if words == nil {
				return nil
			}
			out = append(out, words...)
		}
		return out
	default: // as often as one likes
	}
	return nil
}

// spellClass returns the characters of a class, which has them as pairs of first and last, nil if they are too many.
func spellClass(pairs []rune) []string {
	var out []string
	for i := 0; i < len(pairs); i += 2 {
		for r := pairs[i]; r <= pairs[i+1]; r++ {
			if len(out) == manySpelled {
				return nil
			}
			out = append(out, fold(string(r)))
		}
	}
	return out
}

// manySpelled is how many words an expression is spelled out to.
const manySpelled = 64

// product puts each of the second words after each of the first, nil if they are too many or either is nil.
func product(first, second []string) []string {
	if len(first)*len(second) > manySpelled || second == nil {
		return nil
	}
	var out []string
	for _, a := range first {
		for _, b := range second {
			out = append(out, a+b)
		}
	}
	return out
}

// without drops words that have another of the words in them, and all of them where one is empty.
func without(words []string) []string {
	words = slices.Clone(words)
	slices.Sort(words)
	words = slices.Compact(words)
	if slices.Contains(words, "") {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(words), func(word string) bool {
		return slices.ContainsFunc(words, func(other string) bool { return other != word && strings.Contains(word, other) })
	})
}

func shortest(words []string) int {
	if len(words) == 0 {
		return 0
	}
	return len(slices.MinFunc(words, func(a, b string) int { return len(a) - len(b) }))
}
