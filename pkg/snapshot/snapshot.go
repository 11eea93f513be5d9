// Package snapshot is everything that kpo knows of a cluster at one moment, joined: a value without clients, which a file can hold.
package snapshot

import (
	"time"

	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	storagev1 "k8s.io/api/storage/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	karpv1 "sigs.k8s.io/karpenter/pkg/apis/v1"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/apis/v1alpha1"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/vm"
)

// APIVersion is the contract of everything that kpo writes for machines.
const APIVersion = "kpo/v1"

// TagClusterID is followed by the cluster ID of the Outscale CCM.
const TagClusterID = "OscK8sClusterID/"

// Source is one thing that is read. What depends on a source that failed is unknown, never fine.
type Source string

// Sources of a Snapshot.
const (
	SourceVMs          Source = "vms"
	SourceConsoles     Source = "consoles"
	SourceQuotas       Source = "quotas"
	SourcePrices       Source = "prices"
	SourceNodeClaims   Source = "nodeclaims"
	SourceNodes        Source = "nodes"
	SourceNodePools    Source = "nodepools"
	SourceNodeClasses  Source = "outscalenodeclasses"
	SourceEvents       Source = "events"
	SourcePods         Source = "pods"
	SourceBudgets      Source = "poddisruptionbudgets"
	SourceAttachments  Source = "volumeattachments"
	SourceController   Source = "controller"
	SourceCCM          Source = "cloud-controller-manager"
	SourceClusterUID   Source = "namespace kube-system"
	SourceClusterNames Source = "cluster name"
	SourceCSRs         Source = "certificatesigningrequests"
	// SourceUsage is all pods of the cluster. It is read only where that was asked for: there are many.
	SourceUsage Source = "pods of all nodes"
	SourceLogs  Source = "logs"
)

// State says how the reading of a source ended.
type State string

// States of a source. A source is skipped when the user asked for that.
const (
	StateOK      State = "ok"
	StateFailed  State = "failed"
	StateSkipped State = "skipped"
)

// SourceStatus is what became of one source.
type SourceStatus struct {
	State  State  `json:"state"`
	Reason string `json:"reason,omitempty"`
	Cause  Cause  `json:"cause,omitempty"`
	Count  int    `json:"count,omitempty"`
	// ReadAt is when that was, where it was before the Snapshot was taken: kept from an earlier pass.
	ReadAt time.Time `json:"readAt,omitzero"`
}

// Snapshot is everything that is judged, as of one moment. It is one serialisable value: a bundle, and a test's fixture.
type Snapshot struct {
	metav1.TypeMeta `json:",inline"`

	// TakenAt is by the clock of the machine that runs kpo. Two other clocks are in a Snapshot: Outscale's in the CreatedAt
	// of VMs, and those of the API server and of the components that it serves in all times of objects and events.
	TakenAt time.Time `json:"takenAt"`
	CLI     string    `json:"cli,omitempty"`
	// Kubernetes is the version of the API server, where it was asked for.
	Kubernetes string  `json:"kubernetes,omitempty"`
	Access     Access  `json:"access,omitzero"`
	Cluster    Cluster `json:"cluster"`
	// WrongAccount says why the account that was read is not the cluster's, "" where it may be.
	WrongAccount string                       `json:"wrongAccount,omitempty"`
	Sources      map[Source]SourceStatus      `json:"sources"`
	NodeClaims   []karpv1.NodeClaim           `json:"nodeClaims,omitempty"`
	Nodes        []corev1.Node                `json:"nodes,omitempty"`
	NodePools    []karpv1.NodePool            `json:"nodePools,omitempty"`
	NodeClasses  []v1alpha1.OutscaleNodeClass `json:"nodeClasses,omitempty"`
	// Pods are the pending ones and those of draining nodes, without what they run.
	Pods        []corev1.Pod                   `json:"pods,omitempty"`
	Budgets     []policyv1.PodDisruptionBudget `json:"podDisruptionBudgets,omitempty"`
	Attachments []storagev1.VolumeAttachment   `json:"volumeAttachments,omitempty"`
	Events      []corev1.Event                 `json:"events,omitempty"`
	CSRs        []CSR                          `json:"certificateSigningRequests,omitempty"`
	// VMs are those that a party of this cluster may care about; OtherVMs counts the rest of the account.
	VMs      []VM `json:"vms,omitempty"`
	OtherVMs int  `json:"otherVMs,omitempty"`
	// Consoles of the VMs that look stuck, by VM ID, with secrets masked.
	Consoles map[string]string `json:"consoles,omitempty"`
	// Logs are the last lines of the controller's and the CCM's pods, by NAMESPACE/POD, with secrets masked.
	Logs   map[string]string `json:"logs,omitempty"`
	Quotas []Quota           `json:"quotas,omitempty"`
	// Usage is what the pods of each Node request, by the Node's name; nil where that was not read.
	Usage map[string]Usage `json:"usage,omitempty"`
}

// Access names through what a Snapshot was read: who looks at the wrong cluster or account must see it.
type Access struct {
	// Context is that of the kubeconfig.
	Context string `json:"context,omitempty"`
	// Region is Outscale's, or the host of an endpoint that is not Outscale's.
	Region string `json:"region,omitempty"`
	// Key is the end of the access key.
	Key string `json:"key,omitempty"`
}

// Cluster is who we are, and who the CCM is.
type Cluster struct {
	// Name marks the cluster's VMs, ID is what the controller puts into OscK8sClusterID/<id>; From says who told them.
	Name string `json:"name,omitempty"`
	ID   string `json:"id,omitempty"`
	From string `json:"from,omitempty"`
	// IDFrom says who told the ID, where that is another one. An ID that is not known is empty: it need not be the name.
	IDFrom string `json:"idFrom,omitempty"`
	// UID is that of the namespace kube-system.
	UID string `json:"uid,omitempty"`
	// CCMID is the cluster ID that the CCM looks for; CCMFrom says who told it.
	CCMID   string `json:"ccmID,omitempty"`
	CCMFrom string `json:"ccmFrom,omitempty"`
	// Controller and CCM are nil where none was found, which says nothing: they may run outside the cluster.
	Controller *Workload `json:"controller,omitempty"`
	CCM        *Workload `json:"ccm,omitempty"`
	// NodeRepair is how the controller treats unhealthy nodes, empty where that cannot be seen.
	NodeRepair NodeRepair `json:"nodeRepair,omitempty"`
	// RepairAfter is how long the controller waits before it repairs; zero where its pod does not say.
	RepairAfter RepairAfter `json:"repairAfter,omitzero"`
}

// Owned returns the cluster as the operator's own code takes it.
func (c Cluster) Owned() vm.Cluster { return vm.Cluster{Name: c.Name, ID: c.ID, UID: c.UID} }

// Workload is a Deployment or DaemonSet.
type Workload struct {
	Kind      string `json:"kind"`
	Namespace string `json:"namespace"`
	Name      string `json:"name"`
	Image     string `json:"image"`
	Wanted    int32  `json:"wanted"`
	Available int32  `json:"available"`
	// LeaderSeen is when the leader last renewed its lease, nil where there is no lease.
	LeaderSeen *metav1.Time `json:"leaderSeen,omitempty"`
}

// VM is one virtual machine.
type VM struct {
	ID             string            `json:"id"`
	State          string            `json:"state"`
	StateReason    string            `json:"stateReason,omitempty"`
	Type           string            `json:"type,omitempty"`
	Subregion      string            `json:"subregion,omitempty"`
	SubnetID       string            `json:"subnetID,omitempty"`
	ImageID        string            `json:"imageID,omitempty"`
	PrivateIP      string            `json:"privateIP,omitempty"`
	PrivateDNSName string            `json:"privateDNSName,omitempty"`
	ClientToken    string            `json:"clientToken,omitempty"`
	Protected      bool              `json:"protected,omitempty"`
	Tags           map[string]string `json:"tags,omitempty"`
	CreatedAt      time.Time         `json:"createdAt,omitzero"`
	// EURPerHour is the price of the type, 0 where that is not known. What the VM costs is Price.
	EURPerHour float64 `json:"eurPerHour,omitempty"`
}

// Core returns what the operator's own code judges a VM by.
func (v VM) Core() vm.VM {
	return vm.VM{
		ID: v.ID, State: v.State, Type: v.Type, Subregion: v.Subregion, SubnetID: v.SubnetID, ImageID: v.ImageID,
		PrivateIP: v.PrivateIP, PrivateDNSName: v.PrivateDNSName, ClientToken: v.ClientToken, Tags: v.Tags, CreatedAt: v.CreatedAt,
	}
}

// Gone reports whether the VM is terminated: it is listed for a while, and exists no more.
func (v VM) Gone() bool { return v.State == vm.StateTerminated }

// Price returns what the VM costs per hour without its volumes, and false where that is not known. A stopped VM is not
// billed (src/oapi/vms.rs of osc-cost counts running, stopping and shutting-down).
func (v VM) Price() (eurPerHour float64, known bool) {
	if v.State == vm.StateStopped || v.Gone() {
		return 0, true
	}
	return v.EURPerHour, v.EURPerHour > 0
}

// Quota is one limit of the account. Max 0 means that there is none.
type Quota struct {
	Name string `json:"name"`
	Used int    `json:"used"`
	Max  int    `json:"max"`
}

// Why returns why a source is not there to judge by, or "" when it is.
func (s *Snapshot) Why(source Source) string {
	switch status, ok := s.Sources[source]; {
	case !ok:
		return string(source) + " not read"
	case status.State == StateOK:
		return ""
	case status.Reason == "":
		return string(source) + " " + string(status.State)
	default:
		return string(source) + ": " + status.Reason
	}
}

// Unreachable returns why the API server told nothing at all, or "" when it told something.
func (s *Snapshot) Unreachable() string {
	reasons := map[string]bool{}
	for _, source := range []Source{SourceNodeClaims, SourceNodes, SourceNodePools, SourceEvents, SourceClusterUID} {
		status := s.Sources[source]
		if status.State == StateOK {
			return ""
		}
		if status.State == StateFailed {
			reasons[status.Reason] = true
		}
	}
	if len(reasons) != 1 {
		return "" // different things went wrong: each is told where it matters
	}
	for reason := range reasons {
		return reason
	}
	return ""
}
