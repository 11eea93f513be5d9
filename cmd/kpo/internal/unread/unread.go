// Package unread says what could not be read, why, and what most likely helps.
package unread

import (
	"cmp"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/karpenter-outscale/karpenter-provider-outscale/cmd/kpo/internal/cli"
	"github.com/karpenter-outscale/karpenter-provider-outscale/cmd/kpo/internal/session"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/diagnose"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/gather"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/snapshot"
)

// ViewerRole is the ClusterRole of the chart with all that kpo reads.
const ViewerRole = "kpo-viewer"

// Group is sources that could not be read for the same reason.
type Group struct {
	sources []snapshot.Source
	status  snapshot.SourceStatus
}

// titles are what the sources are called on a screen.
func titles() map[snapshot.Source]string {
	return map[snapshot.Source]string{
		snapshot.SourceVMs: "VMs from Outscale", snapshot.SourceNodeClaims: "NodeClaims", snapshot.SourceNodes: "Nodes",
		snapshot.SourceNodePools: "NodePools", snapshot.SourceNodeClasses: "OutscaleNodeClasses",
		snapshot.SourceBudgets: "PodDisruptionBudgets", snapshot.SourceAttachments: "VolumeAttachments",
		snapshot.SourceController: "the controller's Deployment", snapshot.SourceCCM: "the Outscale CCM",
	}
}

// unreadOf folds the sources that are missing: one cause is one line, however many sources it took away.
func unreadOf(s *snapshot.Snapshot, sources ...snapshot.Source) []Group {
	var out []Group
	for _, source := range sources {
		if s.Why(source) == "" {
			continue
		}
		status, read := s.Sources[source]
		if !read {
			status = snapshot.SourceStatus{State: snapshot.StateFailed, Reason: "not read"}
		}
		i := slices.IndexFunc(out, func(u Group) bool { return u.status.State == status.State && u.sameReason(status) })
		if i < 0 {
			out, i = append(out, Group{status: status}), len(out)
		}
		if !slices.Contains(out[i].sources, source) {
			out[i].sources = append(out[i].sources, source)
		}
	}
	return out
}

// sameReason reports whether a failure has the same remedy: the API server names another resource in each refusal.
func (u Group) sameReason(status snapshot.SourceStatus) bool {
	if u.status.Cause == snapshot.CauseForbidden || u.status.Cause == snapshot.CauseNotInstalled {
		return u.status.Cause == status.Cause
	}
	return u.status.Cause == status.Cause && u.status.Reason == status.Reason
}

// names lists the sources.
func (u Group) names() string {
	var out []string
	for _, source := range u.sources {
		out = append(out, cmp.Or(titles()[source], string(source)))
	}
	return strings.Join(out, ", ")
}

// why says why they could not be read.
func (u Group) why() string {
	switch u.status.Cause {
	case snapshot.CauseForbidden:
		if user := u.user(); user != "" {
			return fmt.Sprintf("user %q is not allowed to read them", user)
		}
		return "you are not allowed to read them"
	case snapshot.CauseNotInstalled:
		return "the cluster has no such kind: Karpenter's CustomResourceDefinitions are not installed"
	default:
		return cmp.Or(u.status.Reason, string(u.status.State))
	}
}

// user is whom the API server refused.
func (u Group) user() string {
	match := regexp.MustCompile(`User "([^"]*)" cannot`).FindStringSubmatch(u.status.Reason)
	if match == nil {
		return ""
	}
	return match[1]
}

// remedy is what most likely helps.
func (u Group) remedy(s *snapshot.Snapshot) string {
	switch {
	case u.status.Cause == snapshot.CauseForbidden:
		return "ask for ClusterRole " + ViewerRole + ": " + bindViewer(u.user())
	case u.status.Cause == snapshot.CauseNotInstalled:
		return "pass --context if this is the wrong cluster, or install Karpenter: docs/install.md"
	case s.WrongAccount != "" && slices.Contains(u.sources, snapshot.SourceVMs):
		return "check OSC_ACCESS_KEY, OSC_REGION or --osc-profile, and --context"
	case u.status.State == snapshot.StateSkipped && strings.Contains(u.status.Reason, "--cloud"):
		return "this command needs Outscale: leave --cloud=off out"
	case u.status.Cause == snapshot.CauseNoAnswer:
		return fmt.Sprintf("check OSC_REGION and OSC_ENDPOINT_API, or the profile (%s was asked); status.outscale.com shows outages",
			cmp.Or(s.Access.Region, "Outscale"))
	case u.status.Cause == snapshot.CauseRefused:
		return "check the access key, and that its policy allows all of policies/kpo-readonly.json"
	case slices.Contains(u.sources, snapshot.SourceVMs) || slices.Contains(u.sources, snapshot.SourcePrices):
		return "set OSC_ACCESS_KEY, OSC_SECRET_KEY and OSC_REGION, or --osc-profile"
	case slices.Contains(u.sources, snapshot.SourceClusterNames):
		return "pass --cluster-name NAME"
	default:
		return "kubectl auth can-i --list"
	}
}

// bindViewer is the command of a cluster's administrator that lets a user read what kpo reads.
func bindViewer(user string) string {
	who := "--user " + quoted(cmp.Or(user, "NAME"))
	if account, ok := strings.CutPrefix(user, "system:serviceaccount:"); ok {
		who = "--serviceaccount " + quoted(account)
	}
	plain := strings.Trim(regexp.MustCompile(`[^a-z0-9]+`).ReplaceAllString(strings.ToLower(user), "-"), "-")
	return "kubectl create clusterrolebinding " + ViewerRole + "-" + cmp.Or(plain, "me") + " --clusterrole " + ViewerRole + " " + who
}

// quoted makes one word for a shell of a text that others chose.
func quoted(text string) string {
	if regexp.MustCompile(`^[A-Za-z0-9@%+=:,./_-]+$`).MatchString(text) {
		return text
	}
	return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
}

// Need fails when one of the sources is not there: the command has nothing to say without it.
func Need(s *snapshot.Snapshot, sources ...snapshot.Source) error {
	missing := unreadOf(s, sources...)
	if len(missing) == 0 {
		return nil
	}
	var parts []string
	for _, u := range missing {
		parts = append(parts, "cannot read "+u.names()+": "+u.why())
	}
	return cli.Hint(errors.New(strings.Join(parts, "; ")), missing[0].remedy(s))
}

// Warn says on stderr what of the sources is missing, and returns cli.ErrBlind if the user did not ask for that.
func Warn(a *session.Session, s *snapshot.Snapshot, sources ...snapshot.Source) error {
	var told []Group
	for _, u := range unreadOf(s, sources...) {
		if u.status.State == snapshot.StateSkipped {
			continue
		}
		told = append(told, u)
		a.Tell("cannot read " + u.names() + ": " + u.why())
	}
	if len(told) == 0 {
		return nil
	}
	Advise(a, s, told)
	return cli.ErrBlind
}

// Advise names what opens the access that is missing. One sentence for each cause, after all of them.
func Advise(a *session.Session, s *snapshot.Snapshot, missing []Group) {
	var said []string
	for _, u := range missing {
		if text := u.remedy(s); u.status.Cause != "" && !slices.Contains(said, text) {
			said = append(said, text)
			a.Tell("hint:  " + text)
		}
	}
}

// Fold makes one line of the checks that miss something for the same reason, and each check counts once in it.
func Fold(s *snapshot.Snapshot, in []diagnose.NotChecked) ([]diagnose.NotChecked, []Group) {
	bySource := map[string]snapshot.Source{}
	for source := range s.Sources {
		bySource[s.Why(source)] = source
	}
	var sources []snapshot.Source
	for _, n := range in {
		if source, ok := bySource[n.Reason]; ok && n.Reason != "" {
			sources = append(sources, source)
		}
	}
	slices.Sort(sources)
	missing := unreadOf(s, sources...)
	var out []diagnose.NotChecked
	for _, n := range in {
		if source, ok := bySource[n.Reason]; ok {
			i := slices.IndexFunc(missing, func(u Group) bool { return slices.Contains(u.sources, source) })
			n.Reason = missing[i].names() + ": " + missing[i].why()
		}
		if !slices.Contains(out, n) {
			out = append(out, n)
		}
	}
	return out, missing
}

// NoAccount says why nothing can be asked of Outscale, where only Outscale has the answer.
func NoAccount(err error) error {
	u := Group{sources: []snapshot.Source{snapshot.SourceVMs}, status: gather.StatusOf(0, err)}
	return cli.Hint(fmt.Errorf("cannot read VMs from Outscale: %w", err), u.remedy(&snapshot.Snapshot{}))
}

// WithRemedy adds to an error of Outscale what most likely helps, where its cause is known.
func WithRemedy(err error, access snapshot.Access) error {
	u := Group{status: gather.StatusOf(0, err)}
	if u.status.Cause == "" {
		return err
	}
	return cli.Hint(err, u.remedy(&snapshot.Snapshot{Access: access}))
}
