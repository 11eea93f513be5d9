package gather

import (
	"errors"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/oapi"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/snapshot"
)

func causeOf(err error) snapshot.Cause {
	api, cloud := errors.AsType[*oapi.Error](err)
	switch {
	case apierrors.IsForbidden(err):
		return snapshot.CauseForbidden
	case meta.IsNoMatchError(err):
		return snapshot.CauseNotInstalled
	case oapi.IsUnauthorized(err):
		return snapshot.CauseRefused
	case cloud && api.Status == 0 && !oapi.IsNotSent(err):
		return snapshot.CauseNoAnswer
	default:
		return ""
	}
}
