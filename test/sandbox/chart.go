package sandbox

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"strconv"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/karpenter-outscale/karpenter-provider-outscale/test/controlplane"
	"github.com/karpenter-outscale/karpenter-provider-outscale/test/helm"
)

// chartNamespace is where the chart is installed.
const chartNamespace = "karpenter"

// installChart does what helm install does, except for the pods: the controller then runs on this machine with exactly
// the environment and arguments of the rendered Deployment, and as its ServiceAccount.
func (s *Sandbox) installChart(ctx context.Context) error {
	if !s.options.Chart {
		return nil
	}
	fixture := s.Region.Fixture()
	credentials := &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: chartNamespace, Name: "osc-secret"},
		StringData: map[string]string{"access_key": fixture.AccessKey, "secret_key": fixture.SecretKey},
	}
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: chartNamespace}}
	for _, object := range []client.Object{namespace, credentials} {
		if err := s.Client.Create(ctx, object); err != nil {
			return err
		}
	}
	return s.applyChart(ctx, s.options.ChartValues)
}

// UpgradeChart does what helm upgrade does with other values, and runs the controller of the new Deployment.
func (s *Sandbox) UpgradeChart(ctx context.Context, values ...string) error {
	if p := s.process(); p != nil {
		p.Stop(stopPatience)
	}
	if err := s.applyChart(ctx, values); err != nil {
		return err
	}
	return s.StartController(ctx)
}

func (s *Sandbox) applyChart(ctx context.Context, values []string) error {
	fixture, drawn := s.Region.Fixture(), s.controllerPorts()
	args := []string{"--namespace", chartNamespace, "--name-template", "karpenter"}
	for _, value := range append([]string{
		"settings.clusterName=" + ClusterName, "settings.clusterID=" + fixture.ClusterID,
		"settings.region=" + regionName, "settings.endpoint=" + s.RegionURL, "logLevel=debug",
		"metrics.port=" + drawn.Port(0), "healthProbe.port=" + drawn.Port(1), "bootstrapTokens.enabled=true",
	}, values...) {
		args = append(args, "--set", value)
	}
	objects, err := helm.Template(ctx, s.options.Progress, "karpenter-provider-outscale", args...)
	if err != nil {
		return err
	}
	s.chartEnv = nil
	for _, object := range objects {
		if err := s.installObject(ctx, object); err != nil {
			return fmt.Errorf("installing %s %s: %w", object.GetKind(), object.GetName(), err)
		}
	}
	if s.chartEnv == nil {
		return errors.New("the chart has no Deployment")
	}
	return nil
}

// chartDefinitions are what the chart of the definitions installs.
func (s *Sandbox) chartDefinitions(ctx context.Context) ([]*apiextensionsv1.CustomResourceDefinition, error) {
	objects, err := helm.Template(ctx, s.options.Progress, "karpenter-provider-outscale-crd", "--name-template", "karpenter-crd")
	if err != nil {
		return nil, err
	}
	var out []*apiextensionsv1.CustomResourceDefinition
	for _, object := range objects {
		definition := &apiextensionsv1.CustomResourceDefinition{}
		if err := runtime.DefaultUnstructuredConverter.FromUnstructuredWithValidation(object.Object, definition, true); err != nil {
			return nil, fmt.Errorf("reading %s %s: %w", object.GetKind(), object.GetName(), err)
		}
		out = append(out, definition)
	}
	return out, nil
}

func (s *Sandbox) installObject(ctx context.Context, object *unstructured.Unstructured) error {
	if object.GetKind() != "Deployment" {
		err := s.Client.Create(ctx, object.DeepCopy())
		if apierrors.IsAlreadyExists(err) {
			err = s.update(ctx, object)
		}
		return err
	}
	// Its pods could only be pending here, and Karpenter would launch nodes for them.
	if err := s.Client.Create(ctx, object.DeepCopy(), client.DryRunAll); err != nil {
		return err
	}
	var deployment appsv1.Deployment
	if err := runtime.DefaultUnstructuredConverter.FromUnstructuredWithValidation(object.Object, &deployment, true); err != nil {
		return err
	}
	return s.runAs(ctx, deployment.Spec.Template.Spec)
}

// update replaces an object of an earlier installation.
func (s *Sandbox) update(ctx context.Context, object *unstructured.Unstructured) error {
	stored := object.DeepCopy()
	if err := s.Client.Get(ctx, client.ObjectKeyFromObject(object), stored); err != nil {
		return err
	}
	changed, err := json.Marshal(object)
	if err != nil {
		return err
	}
	return s.Client.Patch(ctx, stored, client.RawPatch(types.MergePatchType, changed))
}

// runAs makes the environment of a container on this machine.
func (s *Sandbox) runAs(ctx context.Context, pod corev1.PodSpec) error {
	account, err := s.ControlPlane.ServiceAccountConfig(ctx, chartNamespace, pod.ServiceAccountName)
	if err != nil {
		return err
	}
	kubeconfig := filepath.Join(s.Dir, "controller.kubeconfig")
	if err := controlplane.WriteKubeconfig(kubeconfig, account); err != nil {
		return err
	}
	container := pod.Containers[0]
	s.chartArgs, s.chartEnv = container.Args, []string{"KUBECONFIG=" + kubeconfig}
	for _, variable := range container.Env {
		value, err := s.valueOf(ctx, variable, container.Resources)
		if err != nil {
			return fmt.Errorf("env %s: %w", variable.Name, err)
		}
		s.chartEnv = append(s.chartEnv, variable.Name+"="+value)
	}
	return nil
}

// valueOf resolves a variable as the kubelet would.
func (s *Sandbox) valueOf(ctx context.Context, variable corev1.EnvVar, resources corev1.ResourceRequirements) (string, error) {
	from := variable.ValueFrom
	switch {
	case from == nil:
		return variable.Value, nil
	case from.SecretKeyRef != nil:
		var secret corev1.Secret
		err := s.Client.Get(ctx, client.ObjectKey{Namespace: chartNamespace, Name: from.SecretKeyRef.Name}, &secret)
		return string(secret.Data[from.SecretKeyRef.Key]), err
	case from.FieldRef != nil && from.FieldRef.FieldPath == "metadata.namespace":
		return chartNamespace, nil
	case from.ResourceFieldRef != nil && from.ResourceFieldRef.Resource == "limits.memory":
		return strconv.FormatInt(resources.Limits.Memory().Value(), 10), nil
	case from.ResourceFieldRef != nil && from.ResourceFieldRef.Resource == "requests.cpu":
		return strconv.FormatInt(resources.Requests.Cpu().MilliValue(), 10), nil
	default:
		return "", errors.New("this sandbox does not know where its value comes from")
	}
}
