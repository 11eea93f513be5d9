package v1alpha1_test

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/apis"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/apis/v1alpha1"
	"github.com/karpenter-outscale/karpenter-provider-outscale/test/controlplane"
)

func nodeClass(edit func(*v1alpha1.OutscaleNodeClassSpec)) *v1alpha1.OutscaleNodeClass {
	out := &v1alpha1.OutscaleNodeClass{
		ObjectMeta: metav1.ObjectMeta{Name: "default"},
		Spec: v1alpha1.OutscaleNodeClassSpec{
			ImageID: "ami-1a2b3c4d", SubnetIDs: []string{"subnet-1a2b3c4d"}, SecurityGroupIDs: []string{"sg-1a2b3c4d"},
			Talos: v1alpha1.Talos{WorkerConfigSecretRef: v1alpha1.SecretKeyReference{Name: "talos-worker"}},
		},
	}
	edit(&out.Spec)
	return out
}

// rule is one rule of the CRD: the message of a bad object, an object that is just bad, and one that is just good.
type rule struct {
	message   string
	bad, good func(*v1alpha1.OutscaleNodeClassSpec)
}

type spec = v1alpha1.OutscaleNodeClassSpec

func TestAPIServerKeepsTheRules(t *testing.T) {
	config := controlplane.ForTest(t)
	if _, err := envtest.InstallCRDs(config, envtest.CRDInstallOptions{CRDs: apis.CRDs}); err != nil {
		t.Fatal(err)
	}
	kube, err := client.New(config, client.Options{Scheme: scheme.Scheme})
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range slices.Concat(idRules(), placementRules(), tagRules(), diskRules(), talosRules(), kubeletRules(), typeRules()) {
		if err := kube.Create(t.Context(), nodeClass(r.bad), client.DryRunAll); !apierrors.IsInvalid(err) || !strings.Contains(err.Error(), r.message) {
			t.Errorf("%q: the bad object: %v", r.message, err)
		}
		if err := kube.Create(t.Context(), nodeClass(r.good), client.DryRunAll); err != nil {
			t.Errorf("%q: the good object: %v", r.message, err)
		}
	}
	t.Run("examples", func(t *testing.T) { testExamples(t, kube) })
	t.Run("defaults", func(t *testing.T) { testDefaults(t, kube) })
	t.Run("status", func(t *testing.T) { testStatus(t, kube) })
}

// Each message of the CRD is in the table above: a rule that is never tried can be wrong for years.
func TestEachRuleIsTried(t *testing.T) {
	rules := slices.Concat(idRules(), placementRules(), tagRules(), diskRules(), talosRules(), kubeletRules(), typeRules())
	found := messages()
	if len(found) == 0 {
		t.Fatal("the CRD has no rules")
	}
	for _, message := range found {
		if !slices.ContainsFunc(rules, func(r rule) bool { return strings.Contains(message, r.message) }) {
			t.Errorf("no object breaks the rule %q", message)
		}
	}
}

func idRules() []rule {
	long := "1a2b3c4d5e6f7a8b9"
	return []rule{
		{"imageId must be the ID of an OMI", func(s *spec) { s.ImageID = "ami-1a2b3c4" }, func(s *spec) { s.ImageID = "ami-" + long }},
		{"imageId must be the ID of an OMI", func(s *spec) { s.ImageID = "xami-1a2b3c4d" }, func(*spec) {}},
		{"imageId", func(s *spec) { s.ImageID = "ami-" + long + "0" }, func(*spec) {}},
		{"subnetIds must hold IDs of subnets", func(s *spec) { s.SubnetIDs = []string{"subnet-1a2b3c4d", "subnet-1A2B3C4D"} }, func(s *spec) { s.SubnetIDs = []string{"subnet-1a2b3c4d", "subnet-" + long} }},
		{"subnetIds", func(s *spec) { s.SubnetIDs = []string{} }, func(*spec) {}},
		{"subnetIds", func(s *spec) { s.SubnetIDs = []string{"subnet-1a2b3c4d", "subnet-1a2b3c4d"} }, func(*spec) {}},
		{"securityGroupIds must hold IDs of security groups", func(s *spec) { s.SecurityGroupIDs = []string{"sg-1"} }, func(s *spec) { s.SecurityGroupIDs = []string{"sg-" + long} }},
		{"securityGroupIds", func(s *spec) { s.SecurityGroupIDs = []string{} }, func(*spec) {}},
		{"keypairName", func(s *spec) { s.KeypairName = strings.Repeat("a", 256) }, func(s *spec) { s.KeypairName = strings.Repeat("a", 255) }},
	}
}

func placementRules() []rule {
	type placement = v1alpha1.Placement
	with := func(p placement) func(*spec) { return func(s *spec) { s.Placement = &p } }
	web := with(placement{RepulseServer: "web"})
	return []rule{
		{"placement: set repulseServer, repulseCluster, attractServer or attractCluster", with(placement{Strict: true}), with(placement{Strict: true, AttractCluster: "web"})},
		{"repulseServer and attractServer cannot name the same group", with(placement{RepulseServer: "web", AttractServer: "web"}), with(placement{RepulseServer: "web", AttractServer: "db"})},
		{"repulseCluster and attractCluster cannot name the same group", with(placement{RepulseCluster: "a", AttractCluster: "a"}), with(placement{RepulseCluster: "a", AttractServer: "a"})},
		{"repulseServer", with(placement{RepulseServer: "a\nb"}), web},
		{"repulseCluster", with(placement{RepulseCluster: "a=b"}), web},
		{"attractServer", with(placement{AttractServer: strings.Repeat("a", 65)}), with(placement{AttractServer: strings.Repeat("a", 64)})},
		{"attractCluster", with(placement{AttractCluster: "-a"}), with(placement{AttractCluster: "a.b_c-d"})},
	}
}

func tagRules() []rule {
	tag := func(key, value string) func(*spec) { return func(s *spec) { s.Tags = map[string]string{key: value} } }
	const set = "are set by the provider"
	out := []rule{
		{"tags: keys have 1 to 255 characters, values at most 255", tag("", "x"), tag("x", "")},
		{"tags: keys have 1 to 255 characters, values at most 255", tag(strings.Repeat("k", 256), "x"), tag(strings.Repeat("k", 255), "x")},
		{"tags: keys have 1 to 255 characters, values at most 255", tag("x", strings.Repeat("v", 256)), tag("x", strings.Repeat("v", 255))},
		{"tags: a key must not contain '='", tag("a=b", "c"), tag("a", "b=c")},
		{"neither keys nor values may contain a line break", tag("a\nb", "c"), tag("a b", "c d")},
		{"neither keys nor values may contain a carriage return", tag("a\rb", "c"), tag("é", "ü")},
		{"neither keys nor values may contain a line break", tag("a", "b\nc"), tag("a", "b c")},
		{"neither keys nor values may contain a carriage return", tag("a", "b\rc"), tag("a", "b\\r")},
		{"tags", manyTags(31), manyTags(30)},
	}
	for bad, good := range map[string]string{
		"karpenter.sh/nodepool": "karpenter.sh", "karpenter.outscale.com/x": "outscale.com/x", "OscK8sNodeName": "Osc", "OscK8sClusterID/a": "osck8s",
		"kubernetes.io/cluster/x": "kubernetes.io/x", "osc.fcu.repulse_server": "osc.x", "Name": "name",
	} {
		out = append(out, rule{set, tag(bad, "x"), tag(good, "x")})
	}
	return out
}

func manyTags(n int) func(*spec) {
	return func(s *spec) {
		s.Tags = map[string]string{}
		for i := range n {
			s.Tags["tag-"+strings.Repeat("x", i)] = ""
		}
	}
}

func diskRules() []rule {
	root := v1alpha1.BlockDeviceMapping{DeviceName: "/dev/sda1", BSU: v1alpha1.BSU{VolumeSize: 50}}
	disks := func(more ...v1alpha1.BlockDeviceMapping) func(*spec) {
		return func(s *spec) { s.BlockDeviceMappings = append([]v1alpha1.BlockDeviceMapping{root}, more...) }
	}
	device := func(name string, bsu v1alpha1.BSU) func(*spec) {
		return disks(v1alpha1.BlockDeviceMapping{DeviceName: name, BSU: bsu})
	}
	data := func(bsu v1alpha1.BSU) func(*spec) { return device("/dev/sdb", bsu) }
	return []rule{
		{"blockDeviceMappings: each deviceName once", device("/dev/sda1", v1alpha1.BSU{VolumeSize: 10}), data(v1alpha1.BSU{VolumeSize: 10})},
		{"must contain the root device /dev/sda1", func(s *spec) {
			s.BlockDeviceMappings = []v1alpha1.BlockDeviceMapping{{DeviceName: "/dev/sdb", BSU: v1alpha1.BSU{VolumeSize: 10}}}
		}, disks()},
		{"the root device /dev/sda1 needs volumeSize", func(s *spec) {
			s.BlockDeviceMappings = []v1alpha1.BlockDeviceMapping{{DeviceName: "/dev/sda1", BSU: v1alpha1.BSU{SnapshotID: "snap-1a2b3c4d"}}}
		}, data(v1alpha1.BSU{SnapshotID: "snap-1a2b3c4d"})},
		{"deviceName must be /dev/sda1", device("/dev/sda", v1alpha1.BSU{VolumeSize: 10}), device("/dev/sdz", v1alpha1.BSU{VolumeSize: 10})},
		{"deviceName must be /dev/sda1", device("/dev/nvme1", v1alpha1.BSU{VolumeSize: 10}), device("/dev/xvdba", v1alpha1.BSU{VolumeSize: 10})},
		{"bsu: iops is required with volumeType io1", data(v1alpha1.BSU{VolumeSize: 10, VolumeType: "io1"}), data(v1alpha1.BSU{VolumeSize: 10, VolumeType: "io1", IOPS: 100})},
		{"bsu: iops is required with volumeType io1", data(v1alpha1.BSU{VolumeSize: 10, IOPS: 100}), data(v1alpha1.BSU{VolumeSize: 10})},
		{"bsu: at most 300 iops per GiB", data(v1alpha1.BSU{VolumeSize: 10, VolumeType: "io1", IOPS: 3001}), data(v1alpha1.BSU{VolumeSize: 10, VolumeType: "io1", IOPS: 3000})},
		{"iops", data(v1alpha1.BSU{VolumeSize: 100, VolumeType: "io1", IOPS: 13001}), data(v1alpha1.BSU{VolumeSize: 100, VolumeType: "io1", IOPS: 13000})},
		{"iops", data(v1alpha1.BSU{VolumeSize: 100, VolumeType: "io1", IOPS: 99}), data(v1alpha1.BSU{VolumeSize: 100, VolumeType: "io1", IOPS: 100})},
		{"bsu: set volumeSize or snapshotId", data(v1alpha1.BSU{}), data(v1alpha1.BSU{SnapshotID: "snap-1a2b3c4d"})},
		{"volumeSize", data(v1alpha1.BSU{VolumeSize: 14902}), data(v1alpha1.BSU{VolumeSize: 14901})},
		{"volumeSize", data(v1alpha1.BSU{VolumeSize: -1}), data(v1alpha1.BSU{VolumeSize: 1})},
		{"volumeType", data(v1alpha1.BSU{VolumeSize: 10, VolumeType: "gp3"}), data(v1alpha1.BSU{VolumeSize: 10, VolumeType: "standard"})},
		{"snapshotId", data(v1alpha1.BSU{SnapshotID: "snap-1"}), data(v1alpha1.BSU{SnapshotID: "snap-1a2b3c4d5e6f7a8b9"})},
	}
}

func talosRules() []rule {
	return []rule{
		{"workerConfigSecretRef.name", func(s *spec) { s.Talos.WorkerConfigSecretRef.Name = "" }, func(*spec) {}},
		{"talos.hostname", func(s *spec) { s.Talos.Hostname = "Random" }, func(s *spec) { s.Talos.Hostname = "PrivateIP" }},
		{"talos.bootstrapToken", func(s *spec) { s.Talos.BootstrapToken = "None" }, func(s *spec) { s.Talos.BootstrapToken = "PerNodeClaim" }},
		{"talos.patches", func(s *spec) { s.Talos.Patches = make([]string, 33) }, func(s *spec) { s.Talos.Patches = make([]string, 32) }},
	}
}

type amounts = map[string]v1alpha1.Amount

func kubeletRules() []rule {
	system := func(key string, value v1alpha1.Amount) func(*spec) {
		return func(s *spec) { s.Kubelet.SystemReserved = amounts{key: value} }
	}
	kube := func(key string, value v1alpha1.Amount) func(*spec) {
		return func(s *spec) { s.Kubelet.KubeReserved = amounts{key: value} }
	}
	evict := func(key string, value v1alpha1.Amount) func(*spec) {
		return func(s *spec) { s.Kubelet.EvictionHard = amounts{key: value} }
	}
	return []rule{
		{"systemReserved: keys are", system("gpu", "1"), system("pid", "100")},
		{"systemReserved: values are quantities", system("cpu", "a lot"), system("cpu", "100m")},
		{"systemReserved: values are quantities", system("memory", "-1Mi"), system("memory", "0")},
		{"kubeReserved: keys are", kube("pods", "1"), kube("ephemeral-storage", "1Gi")},
		{"kubeReserved: values are quantities", kube("memory", "10%"), kube("memory", "512Mi")},
		{"evictionHard: unknown signal", evict("memory", "1Gi"), evict("pid.available", "10%")},
		{"evictionHard: values are quantities of at least 0, or percentages below 100%", evict("memory.available", "100%"), evict("memory.available", "99%")},
		{"evictionHard: values are quantities of at least 0, or percentages below 100%", evict("memory.available", "5 %"), evict("memory.available", "12.5%")},
		{"evictionHard: values are quantities of at least 0, or percentages below 100%", evict("memory.available", "lots"), evict("memory.available", "100Mi")},
		{"evictionHard: values are quantities of at least 0", evict("memory.available", "-1Gi"), evict("nodefs.available", "0")},
		{"kubeReserved: values are quantities of at least 0", kube("cpu", "-1"), kube("cpu", "0")},
		{"kubelet.kubeReserved", kube("memory", v1alpha1.Amount(strings.Repeat("1", 21))), kube("memory", "1Gi")},
		{"kubelet.maxPods", func(s *spec) { s.Kubelet.MaxPods = 1001 }, func(s *spec) { s.Kubelet.MaxPods = 1000 }},
	}
}

func typeRules() []rule {
	const many = "instanceTypes: generations x performances x vcores x memoryPerVcore make more than 600 types"
	types := func(generations, performances, vcores, memory int32) func(*spec) {
		return func(s *spec) {
			s.InstanceTypes = v1alpha1.InstanceTypes{
				Generations: upTo(generations, 3), Performances: []string{"highest", "high", "medium"}[:performances],
				VCores: upTo(vcores, 1), MemoryPerVCore: upTo(memory, 1),
			}
		}
	}
	return []rule{
		{many, types(8, 3, 32, 16), types(5, 3, 8, 5)},
		{many, types(0, 0, 23, 0), types(0, 0, 22, 0)},
		{many, types(0, 0, 0, 10), types(0, 0, 0, 9)},
		{many, types(8, 2, 0, 6), types(8, 1, 0, 10)},
		{"instanceTypes.generations", func(s *spec) { s.InstanceTypes.Generations = []int32{2} }, func(s *spec) { s.InstanceTypes.Generations = []int32{3, 7} }},
		{"instanceTypes.performances", func(s *spec) { s.InstanceTypes.Performances = []string{"low"} }, func(s *spec) { s.InstanceTypes.Performances = []string{"medium", "highest"} }},
		{"instanceTypes.vcores", func(s *spec) { s.InstanceTypes.VCores = []int32{0} }, func(s *spec) { s.InstanceTypes.VCores = []int32{1, 208} }},
		{"instanceTypes.memoryPerVcore", func(s *spec) { s.InstanceTypes.MemoryPerVCore = []int32{65} }, func(s *spec) { s.InstanceTypes.MemoryPerVCore = []int32{64} }},
	}
}

// upTo are n numbers from first on.
func upTo(n, first int32) []int32 {
	var out []int32
	for i := range n {
		out = append(out, first+i)
	}
	return out
}

func testDefaults(t *testing.T, kube client.Client) {
	created := nodeClass(func(s *spec) {
		s.BlockDeviceMappings = []v1alpha1.BlockDeviceMapping{{DeviceName: "/dev/sda1", BSU: v1alpha1.BSU{VolumeSize: 50}}}
	})
	if err := kube.Create(t.Context(), created, client.DryRunAll); err != nil {
		t.Fatal(err)
	}
	want := nodeClass(func(s *spec) {
		s.Talos = v1alpha1.Talos{
			WorkerConfigSecretRef: v1alpha1.SecretKeyReference{Namespace: "kube-system", Name: "talos-worker", Key: "worker.yaml"},
			Hostname:              v1alpha1.HostnameNodeClaim, BootstrapToken: v1alpha1.BootstrapTokenShared,
		}
		s.BlockDeviceMappings = []v1alpha1.BlockDeviceMapping{{
			DeviceName: "/dev/sda1", BSU: v1alpha1.BSU{VolumeSize: 50, VolumeType: "gp2", DeleteOnVMDeletion: new(true)},
		}}
	})
	created.Spec.Kubelet = v1alpha1.Kubelet{} // whether an empty struct is sent, and then filled in, is the client's choice
	if diff := cmp.Diff(want.Spec, created.Spec); diff != "" {
		t.Errorf("spec (-want +got):\n%s", diff)
	}
	given := nodeClass(func(s *spec) { s.Kubelet.KubeReserved = amounts{"cpu": "1"} })
	if err := kube.Create(t.Context(), given, client.DryRunAll); err != nil || given.Spec.Kubelet.MaxPods != 110 {
		t.Errorf("maxPods %d, %v, want 110", given.Spec.Kubelet.MaxPods, err)
	}
}

func testStatus(t *testing.T, kube client.Client) {
	created := nodeClass(func(*spec) {})
	if err := kube.Create(t.Context(), created); err != nil {
		t.Fatal(err)
	}
	created.Status.Subnets = []v1alpha1.Subnet{{ID: "subnet-1a2b3c4d", Subregion: "eu-west-2a", CIDR: "10.0.1.0/24", AvailableIPs: new(int32(7))}}
	created.Status.Image = &v1alpha1.Image{ID: "ami-1a2b3c4d", Name: "talos-v1.13.0", TalosVersion: "v1.13.0"}
	created.Status.SecurityGroups = []v1alpha1.SecurityGroup{{ID: "sg-1a2b3c4d", Name: "workers"}}
	created.StatusConditions().SetTrue(v1alpha1.ConditionImageReady)
	created.StatusConditions().SetFalse(v1alpha1.ConditionTalosReady, "WorkerConfigInvalid", "machine.token is missing")
	want := created.Status.DeepCopy()
	if err := kube.Status().Update(t.Context(), created); err != nil {
		t.Fatal(err)
	}
	var got v1alpha1.OutscaleNodeClass
	if err := kube.Get(t.Context(), client.ObjectKeyFromObject(created), &got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want.Subnets, got.Status.Subnets); diff != "" || len(got.Status.Conditions) != len(want.Conditions) {
		t.Errorf("conditions %v, subnets (-want +got):\n%s", got.Status.Conditions, diff)
	}
	if diff := cmp.Diff(want.Image, got.Status.Image); diff != "" {
		t.Errorf("image (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(want.SecurityGroups, got.Status.SecurityGroups); diff != "" {
		t.Errorf("security groups (-want +got):\n%s", diff)
	}
	if ready := got.StatusConditions().Get("Ready"); !ready.IsFalse() {
		t.Errorf("ready is %s", ready.Status)
	}
}

// messages are those of all rules in the CRD.
func messages() []string {
	found := map[string]bool{}
	var walk func(apiextensionsv1.JSONSchemaProps)
	walk = func(schema apiextensionsv1.JSONSchemaProps) {
		for _, validation := range schema.XValidations {
			message, _, _ := strings.Cut(validation.Message, ", such as")
			found[message] = true
		}
		for _, property := range schema.Properties {
			walk(property)
		}
		if schema.Items != nil {
			walk(*schema.Items.Schema)
		}
	}
	walk(*apis.CRDs[0].Spec.Versions[0].Schema.OpenAPIV3Schema)
	return slices.Sorted(maps.Keys(found))
}
