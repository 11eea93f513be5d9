package oapitest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"path"
	"reflect"
	"slices"
	"strings"
)

// filters says which field of an answered item each filter looks at, as a dotted path.
type filters[T any] struct {
	paths map[string]string
	// wildcards are the filters that accept * in their values.
	wildcards []string
	// own are the filters that no path can express.
	own map[string]func(item T, values []string) bool
}

// compile makes one predicate of the filters of a request: all filters must match, any value of each.
func (f filters[T]) compile(r *Region, wanted map[string]json.RawMessage) (func(T) bool, error) {
	var tests []func(T) bool
	for name, raw := range wanted {
		values, err := filterValues(name, raw)
		if err != nil {
			return nil, err
		}
		test, err := f.test(r, name, values)
		if err != nil {
			return nil, err
		}
		tests = append(tests, test)
	}
	return func(item T) bool {
		return !slices.ContainsFunc(tests, func(test func(T) bool) bool { return !test(item) })
	}, nil
}

func (f filters[T]) test(r *Region, name string, values []string) (func(T) bool, error) {
	if own, ok := f.own[name]; ok {
		return func(item T) bool { return own(item, values) }, nil
	}
	if name == "Tags" {
		return func(item T) bool { return tagsMatch(r.Uncertain.TagsFilterAll, item, values) }, nil
	}
	where, ok := f.paths[name]
	if !ok {
		return nil, fmt.Errorf("the emulator does not know the filter %s", name)
	}
	steps := strings.Split(where, ".")
	if slices.Contains(f.wildcards, name) {
		return func(item T) bool { return anyWildcard(valuesAt(item, steps), values) }, nil
	}
	return func(item T) bool {
		return slices.ContainsFunc(valuesAt(item, steps), func(v string) bool { return slices.Contains(values, v) })
	}, nil
}

func anyWildcard(have, patterns []string) bool {
	return slices.ContainsFunc(have, func(v string) bool {
		return slices.ContainsFunc(patterns, func(p string) bool {
			ok, err := path.Match(p, v)
			return ok && err == nil
		})
	})
}

func tagsMatch(all bool, item any, values []string) bool { //nolint:revive // all comes from an option, it is data
	keys, vals := valuesAt(item, []string{"Tags", "Key"}), valuesAt(item, []string{"Tags", "Value"})
	has := func(pair string) bool {
		for i, key := range keys {
			if key+"="+vals[i] == pair {
				return true
			}
		}
		return false
	}
	if all {
		return !slices.ContainsFunc(values, func(v string) bool { return !has(v) })
	}
	return slices.ContainsFunc(values, has)
}

// filterValues reads the values of a filter, which may be a list or one boolean, as text.
func filterValues(name string, raw json.RawMessage) ([]string, error) {
	var value any
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.UseNumber()
	if err := decoder.Decode(&value); err != nil {
		return nil, fail("4110", "the filter %s is not readable", name)
	}
	many, ok := value.([]any)
	if !ok {
		many = []any{value}
	}
	out := make([]string, 0, len(many))
	for _, v := range many {
		out = append(out, fmt.Sprint(v))
	}
	return out, nil
}

// valuesAt collects as text what stands at a path of an SDK struct, through pointers and lists.
func valuesAt(item any, steps []string) []string {
	return collect(nil, reflect.ValueOf(item), steps)
}

func collect(out []string, v reflect.Value, steps []string) []string {
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		if v.IsNil() {
			return out
		}
		return collect(out, v.Elem(), steps)
	case reflect.Slice:
		for i := range v.Len() {
			out = collect(out, v.Index(i), steps)
		}
		return out
	case reflect.Struct:
		if len(steps) == 0 {
			return out
		}
		return collect(out, v.FieldByName(steps[0]), steps[1:])
	case reflect.Invalid:
		return out
	default:
		return append(out, fmt.Sprint(v.Interface()))
	}
}
