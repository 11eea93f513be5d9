package oapi

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"

	osc "github.com/outscale/osc-sdk-go/v2"
)

// decode reads an answer again that the SDK refused. Its enums reject values that are newer than the SDK: one VM with
// such a value would hide all the others, and a VM that CreateVms has made would be lost. These values are left out;
// what else is wrong stays an error.
func decode[R any](refused error) (R, error) {
	var result R
	sdk, ok := errors.AsType[osc.GenericOpenAPIError](refused)
	if !ok {
		return result, refused
	}
	known, _, err := withoutUnknown(reflect.TypeFor[R](), sdk.Body())
	if err == nil {
		err = json.Unmarshal(known, &result)
	}
	if err != nil {
		var none R
		return none, fmt.Errorf("decoding the answer: %w", err)
	}
	return result, nil
}

// withoutUnknown returns the JSON of a type without the values that an enum in it does not know, and false when the
// whole is such a value.
func withoutUnknown(of reflect.Type, raw json.RawMessage) (json.RawMessage, bool, error) {
	for of.Kind() == reflect.Pointer {
		of = of.Elem()
	}
	if bytes.Equal(bytes.TrimSpace(raw), []byte("null")) {
		return raw, true, nil
	}
	switch of.Kind() {
	case reflect.String:
		return raw, !isUnknown(of, raw), nil
	case reflect.Slice:
		return knownElements(of.Elem(), raw)
	case reflect.Struct:
		return knownFields(of, raw)
	default:
		return raw, true, nil
	}
}

// isUnknown reports whether a string is not one of the values of its type.
func isUnknown(of reflect.Type, raw json.RawMessage) bool {
	var text string
	_, isEnum := reflect.TypeAssert[json.Unmarshaler](reflect.New(of))
	return isEnum && json.Unmarshal(raw, &text) == nil && json.Unmarshal(raw, reflect.New(of).Interface()) != nil
}

func knownElements(of reflect.Type, raw json.RawMessage) (json.RawMessage, bool, error) {
	var elements []json.RawMessage
	if err := json.Unmarshal(raw, &elements); err != nil {
		return nil, false, err
	}
	out := make([]json.RawMessage, 0, len(elements))
	for _, element := range elements {
		known, ok, err := withoutUnknown(of, element)
		if err != nil {
			return nil, false, err
		}
		if ok {
			out = append(out, known)
		}
	}
	known, err := json.Marshal(out)
	return known, true, err
}

func knownFields(of reflect.Type, raw json.RawMessage) (json.RawMessage, bool, error) {
	if _, own := reflect.TypeAssert[json.Unmarshaler](reflect.New(of)); own {
		return raw, true, nil // it reads itself, as time.Time does
	}
	var object map[string]json.RawMessage
	if err := json.Unmarshal(raw, &object); err != nil {
		return nil, false, err
	}
	for field := range of.Fields() {
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		value, ok := object[name]
		if !ok {
			continue
		}
		known, ok, err := withoutUnknown(field.Type, value)
		switch {
		case err != nil:
			return nil, false, fmt.Errorf("%s: %w", name, err)
		case ok:
			object[name] = known
		default:
			delete(object, name)
		}
	}
	known, err := json.Marshal(object)
	return known, true, err
}
