package oapitest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/karpenter-outscale/karpenter-provider-outscale/test/gotool"
)

const sdkModule = "github.com/outscale/osc-sdk-go/v2"

// contract is the OpenAPI file of the SDK: parsing it takes most of a second, so once per process.
//
//nolint:gochecknoglobals // an immutable file, read once
var contract = sync.OnceValues(loadContract)

func loadContract() (*openapi3.T, error) {
	source := ""
	if _, file, _, ok := runtime.Caller(0); ok {
		if _, err := os.Stat(file); err == nil {
			source = filepath.Dir(file)
		}
	}
	dir, err := gotool.Command(context.Background(), source, "list", "-m", "-f", "{{.Dir}}", sdkModule).Output() // bounded by the build cache
	if err != nil {
		return nil, fmt.Errorf("finding module %q: %w", sdkModule, err)
	}
	doc, err := openapi3.NewLoader().LoadFromFile(filepath.Join(strings.TrimSpace(string(dir)), "api", "openapi.yaml"))
	if err != nil {
		return nil, fmt.Errorf("reading the OpenAPI file of %q: %w", sdkModule, err)
	}
	return doc, nil
}

// checkRequest finds what in a request the API would refuse whatever its state.
func (r *Region) checkRequest(c *call) error {
	if kind, _, err := mime.ParseMediaType(c.http.Header.Get("Content-Type")); err != nil || kind != "application/json" {
		return fail("3010", "the content type must be application/json")
	}
	var body any
	if err := json.Unmarshal(c.body, &body); err != nil {
		return fail("3010", "the body is not JSON")
	}
	doc, err := contract()
	if err != nil {
		return err
	}
	schema, err := requestSchema(doc, c.name)
	if err != nil {
		return err
	}
	if err := schema.VisitJSON(body, openapi3.VisitAsRequest()); err != nil {
		return refusal(err)
	}
	if object, ok := body.(map[string]any); ok {
		c.dryRun = object["DryRun"] == true
	}
	return nil
}

// unknownAction tells a call that the cloud does not have from one that only the emulator lacks.
func unknownAction(name string) error {
	doc, err := contract()
	if err != nil {
		return err
	}
	if doc.Paths.Find("/"+name) != nil {
		return fmt.Errorf("the emulator does not know the call %s", name)
	}
	return fail("12000", "the action %q does not exist", name)
}

func requestSchema(doc *openapi3.T, name string) (*openapi3.Schema, error) {
	item := doc.Paths.Find("/" + name)
	if item == nil || item.Post == nil || item.Post.RequestBody == nil {
		return nil, fmt.Errorf("the OpenAPI file has no request for %s", name)
	}
	media := item.Post.RequestBody.Value.Content.Get("application/json")
	if media == nil || media.Schema == nil {
		return nil, fmt.Errorf("the OpenAPI file has no JSON request for %s", name)
	}
	return media.Schema.Value, nil
}

// refusal words a breach of the contract as the API does.
func refusal(err error) error {
	var breach *openapi3.SchemaError
	if !errors.As(err, &breach) {
		return fail("4110", "%v", err)
	}
	where := strings.Join(breach.JSONPointer(), ".")
	switch {
	case breach.SchemaField == "required":
		return fail("7000", "missing parameter: %s", where)
	case breach.SchemaField == "properties" || breach.SchemaField == "additionalProperties":
		return fail("3001", "%s: %s", where, breach.Reason)
	case slices.Contains(breach.JSONPointer(), "NextPageToken"):
		return fail("4117", "the NextPageToken is invalid")
	case breach.SchemaField == "enum":
		return fail("4047", "%s: %s", where, breach.Reason)
	}
	return fail("4110", "%s: %s", where, breach.Reason)
}

// checkResponse reports an answer that the contract does not allow.
func (r *Region) checkResponse(name string, status int, body []byte) {
	doc, err := contract()
	if err != nil {
		r.violated(err)
		return
	}
	schema := doc.Components.Schemas["ErrorResponse"]
	if status == http.StatusOK {
		schema = doc.Components.Schemas[name+"Response"]
	}
	var value any
	if err := json.NewDecoder(bytes.NewReader(body)).Decode(&value); err != nil {
		r.violated(fmt.Errorf("%s answered something that is not JSON: %w", name, err))
		return
	}
	if err := schema.Value.VisitJSON(value, openapi3.VisitAsResponse()); err != nil {
		r.violated(fmt.Errorf("%s answered what the OpenAPI file does not allow: %w", name, err))
	}
}

func (r *Region) violated(err error) {
	r.Log.Error("contract violated", "error", err)
	if r.ContractViolation != nil {
		r.ContractViolation(err)
	}
}
