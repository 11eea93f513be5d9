package main

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"
)

// kinds are those that kpo reads, by the path of their group.
func kinds() map[string]map[string]string {
	return map[string]map[string]string{
		"/api/v1":                               {"nodes": "Node", "pods": "Pod", "events": "Event", "namespaces": "Namespace"},
		"/apis/karpenter.sh/v1":                 {"nodeclaims": "NodeClaim", "nodepools": "NodePool"},
		"/apis/karpenter.outscale.com/v1alpha1": {"outscalenodeclasses": "OutscaleNodeClass"},
		"/apis/apps/v1":                         {"deployments": "Deployment", "daemonsets": "DaemonSet"},
		"/apis/policy/v1":                       {"poddisruptionbudgets": "PodDisruptionBudget"},
		"/apis/storage.k8s.io/v1":               {"volumeattachments": "VolumeAttachment"},
		"/apis/coordination.k8s.io/v1":          {"leases": "Lease"},
	}
}

// serveObjects is an API server for reading, as far as kpo asks one.
func serveObjects(t *testing.T, objects []client.Object) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		answer, found := apiAnswer(t, r.URL.Path, objects)
		if !found {
			w.WriteHeader(http.StatusNotFound)
			answer = metav1.Status{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Status"}, Status: "Failure", Reason: metav1.StatusReasonNotFound, Code: 404}
		}
		_ = json.NewEncoder(w).Encode(answer) // a client that went away needs no answer
	}))
	t.Cleanup(server.Close)
	return server.URL
}

func apiAnswer(t *testing.T, path string, objects []client.Object) (any, bool) {
	t.Helper()
	switch path {
	case "/version":
		return map[string]string{"gitVersion": "v1.35.1", "major": "1", "minor": "35"}, true
	case "/api":
		return metav1.APIVersions{TypeMeta: metav1.TypeMeta{Kind: "APIVersions"}, Versions: []string{"v1"}}, true
	case "/apis":
		list := metav1.APIGroupList{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "APIGroupList"}}
		for prefix := range kinds() {
			if groupVersion, ok := strings.CutPrefix(prefix, "/apis/"); ok {
				group, version, _ := strings.Cut(groupVersion, "/")
				v := metav1.GroupVersionForDiscovery{GroupVersion: groupVersion, Version: version}
				list.Groups = append(list.Groups, metav1.APIGroup{Name: group, Versions: []metav1.GroupVersionForDiscovery{v}, PreferredVersion: v})
			}
		}
		return list, true
	}
	for prefix, resources := range kinds() {
		rest, ok := strings.CutPrefix(path, prefix)
		if !ok {
			continue
		}
		groupVersion := strings.TrimPrefix(strings.TrimPrefix(prefix, "/apis/"), "/api/")
		if rest == "" {
			list := metav1.APIResourceList{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "APIResourceList"}, GroupVersion: groupVersion}
			for name, kind := range resources {
				list.APIResources = append(list.APIResources, metav1.APIResource{Name: name, Kind: kind, Namespaced: kind != "NodeClaim" && kind != "Node" && kind != "NodePool" && kind != "Namespace", Verbs: []string{"get", "list"}})
			}
			return list, true
		}
		return objectsAt(t, groupVersion, resources, strings.Split(strings.Trim(rest, "/"), "/"), objects)
	}
	return nil, false
}

// objectsAt answers a list, or the one object that is named.
func objectsAt(t *testing.T, groupVersion string, resources map[string]string, parts []string, objects []client.Object) (any, bool) {
	t.Helper()
	if len(parts) > 2 && parts[0] == "namespaces" {
		parts = parts[2:]
	}
	kind, items := resources[parts[0]], []any{}
	for _, object := range objects {
		gvk, err := apiutil.GVKForObject(object, scheme.Scheme)
		if err != nil {
			t.Error(err)
		}
		if gvk.Kind != kind {
			continue
		}
		answer, ok := object.DeepCopyObject().(client.Object) // two requests may be answered at once
		if !ok {
			t.Errorf("a copy of %T is no object", object)
			continue
		}
		answer.GetObjectKind().SetGroupVersionKind(gvk)
		if len(parts) > 1 && object.GetName() == parts[1] {
			return answer, true
		}
		items = append(items, answer)
	}
	if len(parts) > 1 || kind == "" {
		return nil, false
	}
	return map[string]any{"apiVersion": groupVersion, "kind": kind + "List", "metadata": map[string]any{}, "items": items}, true
}
