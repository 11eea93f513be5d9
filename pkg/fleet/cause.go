package fleet

import (
	"errors"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/oapi"
)

// Cause is the kind of a failure, so that who prints it can name the remedy.
type Cause string

// Causes of failures. Of others, only the reason is known.
const (
	// CauseForbidden is the RBAC of the API server.
	CauseForbidden Cause = "forbidden"
	// CauseNotInstalled is a kind that the API server does not know: its CustomResourceDefinition is missing.
	CauseNotInstalled Cause = "not installed"
	// CauseNoAnswer is an Outscale that was asked and did not answer: the endpoint is wrong, away, or not trusted.
	CauseNoAnswer Cause = "no answer"
	// CauseRefused are credentials or a policy of Outscale.
	CauseRefused Cause = "refused"
)

func causeOf(err error) Cause {
	api, cloud := errors.AsType[*oapi.Error](err)
	switch {
	case apierrors.IsForbidden(err):
		return CauseForbidden
	case meta.IsNoMatchError(err):
		return CauseNotInstalled
	case oapi.IsUnauthorized(err):
		return CauseRefused
	case cloud && api.Status == 0 && !oapi.IsNotSent(err):
		return CauseNoAnswer
	default:
		return ""
	}
}
