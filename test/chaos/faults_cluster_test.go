package chaos

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"time"

	osc "github.com/outscale/osc-sdk-go/v2"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	karpv1 "sigs.k8s.io/karpenter/pkg/apis/v1"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/apis/v1alpha1"
)

// restart starts a process in place of the one that led.
func (w *world) restart(secretKey string) {
	p := w.start(secretKey)
	w.set(func() { w.leader = p })
}

// processFaults are those of the controller's own processes.
func processFaults() []fault {
	kill := func(fuse int, after bool) func(w *world) (func(), bool) {
		return func(w *world) (func(), bool) {
			p := w.leader
			p.mu.Lock()
			p.fuse, p.diesAfter = 1+w.rng.IntN(fuse), after
			p.mu.Unlock()
			return func() {
				p.kill()
				w.restart(w.fixture.SecretKey)
			}, true
		}
	}
	return []fault{
		{"controller killed before a write", kill(12, false)},
		{"controller killed after a write", kill(12, true)},
		{"leader changes", func(w *world) (func(), bool) {
			old := w.leader
			old.retire()
			w.restart(w.fixture.SecretKey)
			time.AfterFunc(15*time.Second, old.kill)
			return nil, true
		}},
		{"wrong keys for a minute", func(w *world) (func(), bool) {
			w.leader.kill()
			w.restart("WRONG" + w.fixture.SecretKey[5:])
			return func() {
				w.leader.kill()
				w.restart(w.fixture.SecretKey)
			}, true
		}},
		{"controller absent", func(w *world) (func(), bool) {
			w.leader.kill()
			return func() { w.restart(w.fixture.SecretKey) }, true
		}},
		{"clock jumps ahead", jump(+1)},
		{"clock jumps back", jump(-1)},
	}
}

// jump changes the clock of the host that the controller runs on.
func jump(sign int) func(w *world) (func(), bool) {
	return func(w *world) (func(), bool) {
		d := w.between(10*time.Second, 10*time.Minute)
		w.set(func() { w.skewed = max(w.skewed, d) })
		w.skew = d
		if sign < 0 {
			w.skew = -d
		}
		w.leader.clock.jump(w.skew)
		return func() {
			w.skew = 0
			w.leader.clock.jump(0)
		}, true
	}
}

// clusterFaults are those of Kubernetes and of people in it.
func clusterFaults() []fault {
	typo := func(edit func(*v1alpha1.OutscaleNodeClassSpec)) func(w *world) (func(), bool) {
		return func(w *world) (func(), bool) {
			right := w.class().Spec
			w.editClass(edit)
			return func() { w.editClass(func(s *v1alpha1.OutscaleNodeClassSpec) { *s = right }) }, true
		}
	}
	return []fault{
		{"API server restarts", func(w *world) (func(), bool) {
			w.store.setDown(true)
			return func() { w.store.setDown(false) }, true
		}},
		{"writes conflict", func(w *world) (func(), bool) {
			w.set(func() { w.conflicts = 0.4 })
			return func() { w.set(func() { w.conflicts = 0 }) }, true
		}},
		{"answers of the API server lost", func(w *world) (func(), bool) {
			w.set(func() { w.lost = 0.3 })
			return func() { w.set(func() { w.lost = 0 }) }, true
		}},
		{"CCM restarts", func(w *world) (func(), bool) {
			w.set(func() { w.ccmDown = true })
			return func() { w.set(func() { w.ccmDown = false }) }, true
		}},
		{"typo in the image", typo(func(s *v1alpha1.OutscaleNodeClassSpec) { s.ImageID = "ami-0000dead" })},
		{"typo in the subnets", typo(func(s *v1alpha1.OutscaleNodeClassSpec) { s.SubnetIDs = []string{"subnet-0000dead"} })},
		{"typo in the security groups", typo(func(s *v1alpha1.OutscaleNodeClassSpec) { s.SecurityGroupIDs = []string{"sg-0000dead"} })},
		{"typo in the Secret's name", typo(func(s *v1alpha1.OutscaleNodeClassSpec) { s.Talos.WorkerConfigSecretRef.Name = "talos-wroker" })},
		{"NodeClaim deleted by hand", func(w *world) (func(), bool) {
			claims := w.ours()
			if len(claims) == 0 || w.store.isDown() {
				return nil, false
			}
			w.deleteClaim(claims[w.rng.IntN(len(claims))].Name, "by hand")
			return nil, true
		}},
		{"Node deleted by hand", func(w *world) (func(), bool) {
			claims := w.ours()
			if len(claims) == 0 || w.store.isDown() {
				return nil, false
			}
			name := claims[w.rng.IntN(len(claims))].Name
			node := &corev1.Node{}
			if w.read(name, node) != nil {
				return nil, false
			}
			w.judge.allow(name, "its Node was deleted by hand")
			w.judge.mu.Lock()
			w.judge.lostNodes[name] = true
			w.judge.mu.Unlock()
			return nil, w.kube.Delete(w.ctx, node) == nil
		}},
	}
}

// neighbourFaults are others in the account and in the cluster.
func neighbourFaults() []fault {
	return []fault{
		{"a second cluster of the same name", func(w *world) (func(), bool) {
			w.neighbour(map[string]string{
				"karpenter.sh/managed-by": w.region.ClusterID, "OscK8sClusterID/" + w.region.ClusterID: "owned",
				"karpenter.outscale.com/cluster-uid": "another-cluster", "karpenter.sh/nodeclaim": "default-001",
				"karpenter.outscale.com/nodeclaim-uid": "another-uid", "OscK8sNodeName": "default-9999",
			})
			return nil, true
		}},
		{"a VM with our name only", func(w *world) (func(), bool) {
			w.neighbour(map[string]string{"karpenter.sh/managed-by": w.region.ClusterID, "karpenter.sh/nodepool": poolName})
			return nil, true
		}},
		{"a VM without tags", func(w *world) (func(), bool) {
			w.neighbour(nil)
			return nil, true
		}},
		{"a second Karpenter", func(w *world) (func(), bool) {
			if w.store.isDown() {
				return nil, false
			}
			return nil, w.stranger()
		}},
	}
}

// neighbour makes a VM of somebody else in the account.
func (w *world) neighbour(tags map[string]string) {
	sdk := osc.NewConfiguration()
	sdk.Servers = osc.ServerConfigurations{{URL: "http://api.test/api/v1"}}
	sdk.HTTPClient = &http.Client{Transport: &link{w, nil}}
	api := osc.NewAPIClient(sdk)
	ctx := contextOf(w)
	section := "-----BEGIN OUTSCALE SECTION-----\nfilter_private_section=true\n"
	for key, value := range tags {
		section += "tags." + key + "=" + value + "\n"
	}
	data := base64.StdEncoding.EncodeToString([]byte(section + "-----END OUTSCALE SECTION-----\nnot ours\n"))
	w.processes++
	response, _, err := api.VmApi.CreateVms(ctx).CreateVmsRequest(osc.CreateVmsRequest{
		ImageId: w.fixture.OtherImageID, SubnetId: &w.fixture.Subnets[0].ID, VmType: new("tinav6.c1r1p2"), UserData: &data,
		ClientToken: new(fmt.Sprintf("kpo-0123456789ab-%d", w.processes)), MinVmsCount: new(int32(1)), MaxVmsCount: new(int32(1)),
	}).Execute()
	if err != nil {
		w.say("no neighbour: %v", err)
		return
	}
	id := response.GetVms()[0].GetVmId()
	if len(tags) > 0 && w.region.Uncertain.SectionIgnored {
		request := osc.CreateTagsRequest{ResourceIds: []string{id}}
		for key, value := range tags {
			request.Tags = append(request.Tags, osc.ResourceTag{Key: key, Value: value})
		}
		if _, _, err := api.TagApi.CreateTags(ctx).CreateTagsRequest(request).Execute(); err != nil {
			w.say("tags of a neighbour: %v", err)
		}
	}
	for _, v := range w.region.VMs() {
		if v.ID == id {
			w.judge.mu.Lock()
			w.judge.foreign[id] = v
			w.judge.mu.Unlock()
		}
	}
}

// stranger makes a NodeClaim of another provider, with an ID that looks like one of ours.
func (w *world) stranger() bool {
	w.processes++
	name := fmt.Sprintf("foreign-%d", w.processes)
	claim := &karpv1.NodeClaim{
		ObjectMeta: metav1.ObjectMeta{
			Name: name, UID: types.UID("uid-" + name), CreationTimestamp: metav1.Now(), Generation: 1,
			Labels: map[string]string{karpv1.NodePoolLabelKey: poolName}, Finalizers: []string{karpv1.TerminationFinalizer},
		},
		Spec: karpv1.NodeClaimSpec{NodeClassRef: &karpv1.NodeClassReference{Group: "karpenter.k8s.aws", Kind: "EC2NodeClass", Name: className}},
	}
	claim.Status.ProviderID = fmt.Sprintf("aws:///eu-west-1a/i-%08x", 0xabc00000+w.processes)
	if w.processes%2 == 0 {
		claim.Status.ProviderID = fmt.Sprintf("aws:///eu-west-1a/i-0123456789abcd%03x", w.processes)
	}
	claim.Status.Conditions = nil
	for _, kind := range []string{karpv1.ConditionTypeLaunched, karpv1.ConditionTypeRegistered, karpv1.ConditionTypeInitialized} {
		claim.StatusConditions().SetTrue(kind)
	}
	w.store.put(claim)
	w.must(w.read(name, claim))
	w.judge.mu.Lock()
	w.judge.strangers[name] = claim.ResourceVersion
	w.judge.mu.Unlock()
	return true
}
