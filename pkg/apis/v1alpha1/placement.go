package v1alpha1

// Placement asks Outscale for servers by what else runs on them. It works in a group of VMs of the account that name the
// same word; a cluster is a set of servers that share a rack or a network.
//
// +kubebuilder:validation:XValidation:rule="has(self.repulseServer) || has(self.repulseCluster) || has(self.attractServer) || has(self.attractCluster)",message="placement: set repulseServer, repulseCluster, attractServer or attractCluster"
// +kubebuilder:validation:XValidation:rule="!has(self.repulseServer) || !has(self.attractServer) || self.repulseServer != self.attractServer",message="placement: repulseServer and attractServer cannot name the same group"
// +kubebuilder:validation:XValidation:rule="!has(self.repulseCluster) || !has(self.attractCluster) || self.repulseCluster != self.attractCluster",message="placement: repulseCluster and attractCluster cannot name the same group"
type Placement struct {
	// RepulseServer is a group whose VMs are placed on different servers.
	// +kubebuilder:validation:Pattern=`^[A-Za-z0-9]([A-Za-z0-9._-]{0,62}[A-Za-z0-9])?$`
	// +optional
	RepulseServer string `json:"repulseServer,omitempty"`
	// RepulseCluster is a group whose VMs are placed on different clusters of servers.
	// +kubebuilder:validation:Pattern=`^[A-Za-z0-9]([A-Za-z0-9._-]{0,62}[A-Za-z0-9])?$`
	// +optional
	RepulseCluster string `json:"repulseCluster,omitempty"`
	// AttractServer is a group whose VMs are placed on one server.
	// +kubebuilder:validation:Pattern=`^[A-Za-z0-9]([A-Za-z0-9._-]{0,62}[A-Za-z0-9])?$`
	// +optional
	AttractServer string `json:"attractServer,omitempty"`
	// AttractCluster is a group whose VMs are placed on one cluster of servers.
	// +kubebuilder:validation:Pattern=`^[A-Za-z0-9]([A-Za-z0-9._-]{0,62}[A-Za-z0-9])?$`
	// +optional
	AttractCluster string `json:"attractCluster,omitempty"`
	// Strict launches no VM rather than one that is placed elsewhere.
	// +optional
	Strict bool `json:"strict,omitempty"`
}

// Tags are the tags by which Outscale places a VM at its launch. They have no effect later.
// (docs.outscale.com: Configuring a VM with User Data and OUTSCALE Tags.)
func (in *Placement) Tags() map[string]string {
	if in == nil {
		return nil
	}
	suffix := ""
	if in.Strict {
		suffix = "_strict"
	}
	out := map[string]string{}
	for key, group := range map[string]string{
		"repulse_server":  in.RepulseServer,
		"repulse_cluster": in.RepulseCluster,
		"attract_server":  in.AttractServer,
		"attract_cluster": in.AttractCluster,
	} {
		if group != "" {
			out["osc.fcu."+key+suffix] = group
		}
	}
	return out
}
