// Package apis holds the CustomResourceDefinitions of the provider, generated from its types.
package apis

import (
	_ "embed"

	"github.com/awslabs/operatorpkg/object"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
)

//go:embed crds/karpenter.outscale.com_outscalenodeclasses.yaml
var nodeClassCRD []byte

// CRDs are the provider's own definitions; those of Karpenter's core are in its module.
var CRDs = []*apiextensionsv1.CustomResourceDefinition{
	object.Unmarshal[apiextensionsv1.CustomResourceDefinition](nodeClassCRD),
}
