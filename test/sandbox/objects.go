package sandbox

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/controller-runtime/pkg/client"
	coreapis "sigs.k8s.io/karpenter/pkg/apis"
	karpv1 "sigs.k8s.io/karpenter/pkg/apis/v1"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/apis"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/apis/v1alpha1"
)

// createDefinitions creates Karpenter's definitions and ours, and waits until they are served.
func (s *Sandbox) createDefinitions(ctx context.Context) error {
	if err := apiextensionsv1.AddToScheme(scheme.Scheme); err != nil {
		return err
	}
	definitions := slices.Concat(coreapis.CRDs, apis.CRDs)
	if s.options.Chart {
		var err error
		if definitions, err = s.chartDefinitions(ctx); err != nil {
			return err
		}
	}
	for _, definition := range definitions {
		definition = definition.DeepCopy()
		if err := s.Client.Create(ctx, definition); err != nil {
			return err
		}
		if err := s.WaitFor(ctx, definition.Name+" established", time.Minute, s.established(definition)); err != nil {
			return err
		}
	}
	return nil
}

func (s *Sandbox) established(definition *apiextensionsv1.CustomResourceDefinition) func(context.Context) error {
	return func(ctx context.Context) error {
		if err := s.Client.Get(ctx, client.ObjectKeyFromObject(definition), definition); err != nil {
			return err
		}
		for _, condition := range definition.Status.Conditions {
			if condition.Type == apiextensionsv1.Established && condition.Status == apiextensionsv1.ConditionTrue {
				return nil
			}
		}
		return errors.New("not established")
	}
}

// applyExamples creates what a newcomer would, with the ids of this region in place of the placeholders.
func (s *Sandbox) applyExamples(ctx context.Context) error {
	for _, name := range []string{"nodeclass.yaml", "nodepool.yaml", "inflate.yaml"} {
		objects, err := decode(filepath.Join(s.options.Examples, name))
		if err != nil {
			return err
		}
		for _, object := range objects {
			s.adapt(object)
			if err := s.Client.Create(ctx, object); err != nil {
				return fmt.Errorf("creating %s of %s: %w", object.GetObjectKind().GroupVersionKind().Kind, name, err)
			}
		}
	}
	return nil
}

func (s *Sandbox) adapt(object client.Object) {
	switch o := object.(type) {
	case *v1alpha1.OutscaleNodeClass:
		fixture := s.Region.Fixture()
		o.Spec.ImageID, o.Spec.KeypairName = fixture.ImageID, fixture.KeypairName
		o.Spec.SecurityGroupIDs = []string{fixture.WorkerSecurityGroupID}
		o.Spec.SubnetIDs = nil
		for _, subnet := range fixture.Subnets {
			o.Spec.SubnetIDs = append(o.Spec.SubnetIDs, subnet.ID)
		}
	case *karpv1.NodePool:
		after := s.options.ConsolidateAfter
		o.Spec.Disruption.ConsolidateAfter = karpv1.NillableDuration{Duration: &after}
		// Karpenter's default, a tenth of the nodes at a time, takes minutes for a fleet of twelve.
		o.Spec.Disruption.Budgets = []karpv1.Budget{{Nodes: "100%"}}
	case *appsv1.Deployment:
		if o.Namespace == "" {
			o.Namespace = corev1.NamespaceDefault
		}
		s.deployment = client.ObjectKeyFromObject(o)
	}
}

// decode reads all documents of a file as typed objects.
func decode(path string) ([]client.Object, error) {
	content, err := os.ReadFile(path) //nolint:gosec // a file of the repository
	if err != nil {
		return nil, fmt.Errorf("reading the example: %w", err)
	}
	deserializer := serializer.NewCodecFactory(scheme.Scheme, serializer.EnableStrict).UniversalDeserializer()
	reader := yaml.NewYAMLReader(bufio.NewReader(bytes.NewReader(content)))
	var objects []client.Object
	for {
		document, err := reader.Read()
		if errors.Is(err, io.EOF) {
			return objects, nil
		}
		if err != nil {
			return nil, fmt.Errorf("reading %s: %w", path, err)
		}
		decoded, _, err := deserializer.Decode(document, nil, nil)
		if err != nil {
			return nil, fmt.Errorf("decoding %s: %w", path, err)
		}
		object, ok := decoded.(client.Object)
		if !ok {
			return nil, fmt.Errorf("decoding %s: %T is no object", path, decoded)
		}
		objects = append(objects, object)
	}
}
