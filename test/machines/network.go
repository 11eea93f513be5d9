package machines

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"time"

	sideronet "github.com/siderolabs/net"
	"k8s.io/apimachinery/pkg/util/version"
)

// hostname is a name with the domain that makes it fully qualified.
type hostname struct {
	name, domain string
}

func splitHostname(fqdn string) hostname {
	name, domain, _ := strings.Cut(fqdn, ".")
	return hostname{name, domain}
}

func (h hostname) fqdn() string {
	if h.domain == "" {
		return h.name
	}
	return h.name + "." + h.domain
}

// platformHostname is what the metadata service calls this machine.
func (m *machine) platformHostname() hostname {
	return splitHostname(m.vm.PrivateDNSName)
}

// configuredHostname is the name in the config, which beats the one of the platform.
func (m *machine) configuredHostname() hostname {
	if configured := m.config.NetworkHostnameConfig(); configured != nil && configured.Hostname() != "" {
		return splitHostname(configured.Hostname())
	}
	return m.platformHostname()
}

// nodeNameOf makes a Kubernetes name of a host name as Talos does.
func nodeNameOf(host string) (string, error) {
	name := strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9', r == '-', r == '.':
			return r
		case r >= 'A' && r <= 'Z':
			return r - 'A' + 'a'
		case r == '_':
			return '-'
		}
		return -1
	}, host)
	name = strings.Trim(name, "-.")
	if name == "" {
		return "", fmt.Errorf("could not convert hostname %q to a valid Kubernetes Node name", host)
	}
	return name, nil
}

// syncTime waits until one of the time servers answers, or as long as the config allows.
func (m *machine) syncTime(ctx context.Context) error {
	servers, limit := m.timeServers()
	if len(servers) == 0 || m.queryTime(servers) {
		return nil
	}
	m.console.service("kubelet", "Waiting", "Waiting for service \"cri\" to be \"up\", time sync, network")
	interval := m.fleet.RetryInterval
	for waited := time.Duration(0); limit == 0 || waited < limit; waited += interval {
		if err := m.pause(ctx, interval); err != nil {
			return err
		}
		if m.queryTime(servers) {
			return nil
		}
		interval = min(interval*3/2, time.Minute)
	}
	return nil
}

// timeServers are those of the config, or else those that Talos' aws platform brings; none if time sync is off.
func (m *machine) timeServers() (servers []string, limit time.Duration) {
	platform := []string{"169.254.169.123", "fd00:ec2::123"}
	configured := m.config.NetworkTimeSyncConfig()
	switch {
	case configured == nil:
		return platform, 0
	case configured.Disabled():
		return nil, 0
	case len(configured.Servers()) == 0:
		return platform, configured.BootTimeout()
	}
	return configured.Servers(), configured.BootTimeout()
}

// queryTime asks each server once.
func (m *machine) queryTime(servers []string) bool {
	const controller = "time.SyncController"
	for _, server := range servers {
		if m.fleet.NTPServers == nil || slices.Contains(m.fleet.NTPServers, server) {
			m.console.controller(controller, fmt.Sprintf("adjusting time (slew) by 1.52ms via %s, state TIME_OK, status STA_NANO", server))
			return true
		}
		m.console.controllerError(controller, fmt.Sprintf("time query error with server %q", server),
			fmt.Errorf("read udp %s:123: i/o timeout", server))
	}
	return false
}

// pickNodeIP chooses the address of the kubelet: never one of the pod or service networks.
func (m *machine) pickNodeIP(ctx context.Context) error {
	address, err := netip.ParseAddr(m.vm.PrivateIP)
	if err != nil {
		return m.hang(ctx, "no address")
	}
	filters := m.config.Machine().Kubelet().NodeIP().ValidSubnets()
	if len(filters) == 0 {
		filters = []string{"0.0.0.0/0"}
	}
	filters = slices.Clone(filters)
	overlaps := false
	network := m.config.Cluster().Network()
	for _, cidr := range slices.Concat(network.PodCIDRs(), network.ServiceCIDRs()) {
		filters = append(filters, "!"+cidr)
		prefix, err := netip.ParsePrefix(cidr)
		overlaps = overlaps || err == nil && prefix.Contains(address)
	}
	if overlaps {
		m.console.controller("runtime.DiagnosticsLoggerController", "new diagnostic", field{"id", "address-overlap"},
			field{"message", "host and Kubernetes pod/service CIDR addresses overlap"}, field{"details", []string{"host address " + address.String()}})
	}
	var chosen []netip.Addr
	if err := m.retry(ctx, "k8s.NodeIPController", func() error {
		chosen, err = sideronet.FilterIPs([]netip.Addr{address}, filters)
		if err != nil {
			return fmt.Errorf("error filtering IPs: %w", err)
		}
		return nil
	}); err != nil {
		return err
	}
	if len(chosen) == 0 {
		m.console.controller("k8s.NodeIPController",
			"no suitable node IP found, please make sure .machine.kubelet.nodeIP filters and pod/service subnets are set up correctly")
		return m.hang(ctx, "no node IP")
	}
	m.nodeIP = chosen[0]
	return nil
}

// resolve is the DNS of the region: addresses, localhost and Fleet.Hosts.
func (f *Fleet) resolve(host string) (string, error) {
	if _, err := netip.ParseAddr(host); err == nil {
		return host, nil
	}
	if address, ok := f.Hosts[host]; ok {
		return address, nil
	}
	if host == "localhost" {
		return "127.0.0.1", nil
	}
	return "", fmt.Errorf("lookup %s: no such host", host)
}

func (f *Fleet) dial(ctx context.Context, network, address string) (net.Conn, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	resolved, err := f.resolve(host)
	if err != nil {
		return nil, err
	}
	return f.Dial(ctx, network, net.JoinHostPort(resolved, port))
}

// dialLoopback keeps the machines of a test away from every real network.
func dialLoopback(ctx context.Context, network, address string) (net.Conn, error) {
	target, err := netip.ParseAddrPort(address)
	if err != nil || !target.Addr().IsLoopback() {
		return nil, fmt.Errorf("dial tcp %s: connect: no route to host", address)
	}
	var d net.Dialer
	return d.DialContext(ctx, network, address)
}

// olderThan reports whether a version comes before another; an unreadable one does not.
func olderThan(v, other string) bool {
	a, err := version.ParseSemantic(v)
	if err != nil {
		return false
	}
	b, err := version.ParseSemantic(other)
	return err == nil && a.LessThan(b)
}
