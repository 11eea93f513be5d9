//go:build e2e

package e2e

import (
	"encoding/base64"
	"regexp"
	"strings"
)

// withToken replaces the bootstrap token of a worker config, and not the machine token, which looks alike.
func withToken(token string) func(string) string {
	return inCluster(regexp.MustCompile(`(?m)^(\s+token: ).*$`), token)
}

// withCA replaces the certificate authority of Kubernetes.
func withCA(pem []byte) func(string) string {
	return inCluster(regexp.MustCompile(`(?m)^(\s+crt: ).*$`), base64.StdEncoding.EncodeToString(pem))
}

// inCluster replaces the first value in the cluster section of a worker config.
func inCluster(field *regexp.Regexp, value string) func(string) string {
	return func(config string) string {
		machine, cluster, found := strings.Cut(config, "\ncluster:\n")
		at := field.FindStringSubmatchIndex(cluster)
		if !found || at == nil {
			return config
		}
		return machine + "\ncluster:\n" + cluster[:at[3]] + value + cluster[at[1]:]
	}
}
