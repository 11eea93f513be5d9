package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/awslabs/operatorpkg/status"
	"sigs.k8s.io/controller-runtime/pkg/client"
	karpv1 "sigs.k8s.io/karpenter/pkg/apis/v1"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/apis/v1alpha1"
	"github.com/karpenter-outscale/karpenter-provider-outscale/test/sandbox"
)

// demo is the main job: no nodes, a few, many, none.
func demo(ctx context.Context, s *sandbox.Sandbox, settings settings, out io.Writer) error {
	most := 12
	if settings.replicas >= 0 {
		most = settings.replicas
	}
	t := newTimeline(out, s.Begin)
	watched := func(check func(context.Context) error) func(context.Context) error {
		return func(ctx context.Context) error {
			state, err := s.State(ctx)
			if err != nil {
				return err
			}
			t.observe(time.Now(), state)
			return check(ctx)
		}
	}
	scaleUp, storm := 2*time.Minute, newStorm(s, settings.options.Faults)
	if storm != nil {
		scaleUp = stormPatience
	}
	for _, next := range []phase{
		{"OutscaleNodeClass and NodePool ready", 0, time.Minute, ready(s), storm.begin, nil},
		{"3 pods running", 3, scaleUp, s.PodsRun(3), nil, nil},
		{fmt.Sprintf("%d pods running", most), most, scaleUp, s.PodsRun(most), func() error { return storm.end(ctx, t) }, []string{"nodes", "timeline", "doctor"}},
		{"everything gone", 0, 3 * time.Minute, s.NothingLeft, nil, []string{"orphans", "doctor"}},
	} {
		next.check = watched(next.check)
		if err := next.run(ctx, s, t, out); err != nil {
			return err
		}
	}
	state, err := s.State(ctx)
	if err != nil {
		return err
	}
	summarize(out, t, s.ProviderCalls(), len(state.VMs))
	if err := storm.sum(ctx, out, t); err != nil {
		return err
	}
	if len(t.claims) == 0 && most > 0 {
		return errors.New("pods ran, yet no NodeClaim was ever seen")
	}
	return s.Failure()
}

// phase is one step of the demonstration: what it waits for, what follows, and what kpo then shows.
type phase struct {
	what     string
	replicas int
	within   time.Duration
	check    func(context.Context) error
	then     func() error
	kpo      []string
}

func (p phase) run(ctx context.Context, s *sandbox.Sandbox, t *timeline, out io.Writer) error {
	t.say(time.Now(), "== %d replicas, waiting for: %s", p.replicas, p.what)
	if err := s.Scale(ctx, p.replicas); err != nil {
		return err
	}
	if err := s.WaitFor(ctx, p.what, p.within, p.check); err != nil {
		return explain(ctx, s, err)
	}
	t.say(time.Now(), "== %s", p.what)
	if p.then != nil {
		if err := p.then(); err != nil {
			return err
		}
	}
	return ask(ctx, s, out, p.kpo)
}

// ask runs commands of the plugin on the cluster, which is healthy: any finding of theirs ends the demonstration.
func ask(ctx context.Context, s *sandbox.Sandbox, out io.Writer, commands []string) error {
	for _, command := range commands {
		screen, code, err := s.Kpo(ctx, command)
		fmt.Fprintf(out, "\n$ kubectl kpo %s\n%s\n", command, screen)
		if err != nil {
			return err
		}
		if code != 0 {
			return fmt.Errorf("kubectl kpo %s found something in a healthy cluster: exit code %d", command, code)
		}
	}
	return nil
}

// ready checks that Karpenter may use the examples.
func ready(s *sandbox.Sandbox) func(context.Context) error {
	return func(ctx context.Context) error {
		var classes v1alpha1.OutscaleNodeClassList
		var pools karpv1.NodePoolList
		if err := errors.Join(s.Client.List(ctx, &classes), s.Client.List(ctx, &pools)); err != nil {
			return err
		}
		for i := range classes.Items {
			if condition := classes.Items[i].StatusConditions().Root(); !condition.IsTrue() {
				return fmt.Errorf("OutscaleNodeClass %s: %s", classes.Items[i].Name, message(condition))
			}
		}
		for i := range pools.Items {
			if condition := pools.Items[i].StatusConditions().Root(); !condition.IsTrue() {
				return fmt.Errorf("NodePool %s: %s", pools.Items[i].Name, message(condition))
			}
		}
		return nil
	}
}

// explain adds the consoles of the machines that did not become nodes.
func explain(ctx context.Context, s *sandbox.Sandbox, cause error) error {
	state, err := s.State(ctx)
	if err != nil {
		return errors.Join(cause, err)
	}
	for i := range state.NodeClaims {
		c := &state.NodeClaims[i]
		vm := vmOf(state.VMs, c.Name)
		if vm.ID == "" || c.StatusConditions().Get(karpv1.ConditionTypeRegistered).IsTrue() {
			continue
		}
		console, err := s.Console(ctx, vm.ID)
		if err != nil {
			return errors.Join(cause, err)
		}
		const shown = 1500
		cause = fmt.Errorf("%w\nNodeClaim %s did not register; the end of the console of %s:\n%s",
			cause, client.ObjectKeyFromObject(c).Name, vm.ID, console[max(0, len(console)-shown):])
		break // one is enough to see the reason
	}
	return cause
}

// message is what a condition says, if anyone has posted it.
func message(condition *status.Condition) string {
	if condition == nil || condition.Message == "" {
		return "has no status yet"
	}
	return condition.Message
}
