package machines

import (
	"maps"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	cloudproviderapi "k8s.io/cloud-provider/api"
)

// playedByKwok is the annotation that makes kwok renew the lease of a node and play its pods.
const playedByKwok = "kwok.x-k8s.io/node"

// initialNode is the Node that a kubelet creates: what flags and config say, and nothing that they do not say.
func (m *machine) initialNode(s *settings) *corev1.Node {
	node := &corev1.Node{
		ObjectMeta: metav1.ObjectMeta{
			Name: m.nodeName,
			Labels: map[string]string{
				corev1.LabelHostname:      m.nodeName,
				corev1.LabelOSStable:      "linux",
				corev1.LabelArchStable:    "amd64",
				"beta.kubernetes.io/os":   "linux",
				"beta.kubernetes.io/arch": "amd64",
			},
			Annotations: map[string]string{playedByKwok: "fake"},
		},
		Spec:   corev1.NodeSpec{ProviderID: s.providerID, Taints: s.taints},
		Status: m.nodeStatus(s),
	}
	maps.Copy(node.Labels, s.labels)
	if s.attach {
		node.Annotations["volumes.kubernetes.io/controller-managed-attach-detach"] = "true"
	}
	if s.external {
		node.Annotations[cloudproviderapi.AnnotationAlphaProvidedIPAddr] = m.nodeIP.String()
		node.Spec.Taints = append(node.Spec.Taints, corev1.Taint{
			Key: cloudproviderapi.TaintExternalCloudProvider, Value: "true", Effect: corev1.TaintEffectNoSchedule,
		})
	}
	return node
}

// nodeStatus is the status of a kubelet whose network plugin is not there yet.
func (m *machine) nodeStatus(s *settings) corev1.NodeStatus {
	capacity := m.capacity(s.maxPods)
	now := m.fleet.Clock.Now()
	status := corev1.NodeStatus{
		Capacity:    capacity,
		Allocatable: s.reserved.allocatable(capacity),
		Addresses: []corev1.NodeAddress{
			{Type: corev1.NodeInternalIP, Address: m.nodeIP.String()},
			{Type: corev1.NodeHostName, Address: m.nodeName},
		},
		DaemonEndpoints: corev1.NodeDaemonEndpoints{KubeletEndpoint: corev1.DaemonEndpoint{Port: 10250}},
		NodeInfo: corev1.NodeSystemInfo{
			MachineID: m.vm.ID, SystemUUID: m.vm.ID, BootID: m.bootID,
			KernelVersion: "6.18.0-talos", OSImage: "Talos (" + m.version + ")",
			ContainerRuntimeVersion: "containerd://2.2.0", KubeletVersion: m.kubelet.version,
			OperatingSystem: "linux", Architecture: "amd64",
		},
	}
	for _, healthy := range []struct {
		kind            corev1.NodeConditionType
		reason, message string
	}{
		{corev1.NodeMemoryPressure, "KubeletHasSufficientMemory", "kubelet has sufficient memory available"},
		{corev1.NodeDiskPressure, "KubeletHasNoDiskPressure", "kubelet has no disk pressure"},
		{corev1.NodePIDPressure, "KubeletHasSufficientPID", "kubelet has sufficient PID available"},
	} {
		status.Conditions = append(status.Conditions, condition(healthy.kind, corev1.ConditionFalse, healthy.reason, healthy.message, now))
	}
	status.Conditions = append(status.Conditions, condition(corev1.NodeReady, corev1.ConditionFalse, "KubeletNotReady",
		"container runtime network not ready: NetworkReady=false reason:NetworkPluginNotReady message:Network plugin returns error: cni plugin not initialized", now))
	return status
}

func condition(kind corev1.NodeConditionType, status corev1.ConditionStatus, reason, message string, now time.Time) corev1.NodeCondition {
	stamp := metav1.NewTime(now)
	return corev1.NodeCondition{
		Type: kind, Status: status, Reason: reason, Message: message, LastHeartbeatTime: stamp, LastTransitionTime: stamp,
	}
}
