//go:build e2e

package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"

	"github.com/karpenter-outscale/karpenter-provider-outscale/test/oapitest"
)

// columns checks what `kubectl get -o wide` shows, of one row of each kind.
func columns(w *world) {
	w.t.Helper()
	state := w.state()
	vm := state.VMs[slices.IndexFunc(state.VMs, func(vm oapitest.VM) bool { return vm.Tags[tagNodeClaim] == state.NodeClaims[0].Name })]
	fixture := w.Region.Fixture()
	for path, want := range map[string]map[string]string{
		"/api/v1/nodes/" + vm.Tags[tagNodeName]: {
			"Name": vm.Tags[tagNodeName], "Status": "Ready", "Internal-IP": vm.PrivateIP, "OS-Image": "*", "Version": "*",
		},
		"/apis/karpenter.sh/v1/nodeclaims/" + state.NodeClaims[0].Name: {
			"Type": vm.Type, "Capacity": "on-demand", "Zone": vm.Subregion, "Node": vm.Tags[tagNodeName], "Ready": "True",
			"ImageID": fixture.ImageID, "ID": "aws:///" + vm.Subregion + "/" + vm.ID, "NodePool": "default", "NodeClass": "default",
		},
		"/apis/karpenter.sh/v1/nodepools/default": {"NodeClass": "default", "Nodes": "3", "Ready": "True"},
		"/apis/karpenter.outscale.com/v1alpha1/outscalenodeclasses/default": {
			"Ready": "True", "Image": "*", "Subregions": `["eu-west-2a","eu-west-2b"]`, "Image-ID": fixture.ImageID, "Talos": "v1.13.0",
		},
	} {
		row := tableRow(w, path)
		for column, value := range want {
			got, ok := row[column]
			switch {
			case !ok:
				w.t.Errorf("%s: no column %q among %v", path, column, row)
			case value == "*" && (got == "" || got == "<none>" || got == "<unknown>"), value != "*" && got != value:
				w.t.Errorf("%s: column %s is %q, want %q", path, column, got, value)
			}
		}
	}
}

// tableRow asks the API server for one object as kubectl does.
func tableRow(w *world, path string) map[string]string {
	w.t.Helper()
	client, err := rest.HTTPClientFor(w.ControlPlane.Admin)
	w.must(err)
	request, err := http.NewRequestWithContext(w.t.Context(), http.MethodGet, w.ControlPlane.URL+path, nil)
	w.must(err)
	request.Header.Set("Accept", "application/json;as=Table;v=v1;g=meta.k8s.io")
	response, err := client.Do(request)
	w.must(err)
	defer func() { _ = response.Body.Close() }()
	var table metav1.Table
	w.must(json.NewDecoder(response.Body).Decode(&table))
	if len(table.Rows) != 1 {
		w.t.Fatalf("%s: %d rows, want 1 (%s)", path, len(table.Rows), response.Status)
	}
	row := map[string]string{}
	for i, column := range table.ColumnDefinitions {
		row[column.Name] = fmt.Sprint(table.Rows[0].Cells[i])
	}
	return row
}
