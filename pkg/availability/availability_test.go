package availability_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/availability"
)

// class is the NodeClass of all launches.
func class() availability.Class {
	return availability.Class{Name: "default", UID: "uid", Generation: 1}
}

func launch(vmType, subnet string) availability.Launch {
	return availability.Launch{Type: vmType, VCores: 2, MemoryGiB: 4, Subregion: "eu-west-2a", Subnet: subnet, Class: class()}
}

// enter takes the turn of a launch and fails the test without one.
func enter(t *testing.T, m *availability.Memory, l availability.Launch) (leave func()) {
	t.Helper()
	leave, err := m.Enter(t.Context(), l)
	if err != nil {
		t.Fatal(err)
	}
	return leave
}

func TestARefusalIsChargedToOneOnly(t *testing.T) {
	tried := launch("tinav6.c2r4p2", "subnet-1")
	otherClass, edited, elsewhere := tried, tried, launch("tinav6.c2r4p2", "subnet-2")
	otherClass.Class.UID, edited.Class.Generation, elsewhere.Subregion = "another", 2, "eu-west-2b"
	others := map[string]availability.Launch{
		"other type": launch("tinav6.c4r8p2", "subnet-1"), "other subnet": launch("tinav6.c2r4p2", "subnet-2"),
		"other subregion": elsewhere, "other class": otherClass, "edited class": edited,
	}
	for name, tt := range map[string]struct {
		blame   availability.Blame
		refused []string
	}{
		"sold out here":             {availability.Blame{Type: tried.Type, Subregion: "eu-west-2a"}, []string{"other subnet", "other class", "edited class"}},
		"not sold":                  {availability.Blame{Type: tried.Type}, []string{"other subnet", "other subregion", "other class", "edited class"}},
		"subnet":                    {availability.Blame{Subnet: "subnet-1"}, []string{"other type", "other class", "edited class"}},
		"subnet for this class":     {availability.Blame{Subnet: "subnet-1", Class: class()}, []string{"other type"}},
		"one generation of a class": {availability.Blame{Class: class()}, []string{"other type", "other subnet", "other subregion"}},
	} {
		t.Run(name, func(t *testing.T) {
			m := availability.New(time.Now)
			before := m.Epoch()
			m.Refuse(tt.blame, class(), "why")
			if !m.IsRefused(tried) || m.Epoch() == before {
				t.Errorf("the launch itself is refused: %t, epoch %d after %d", m.IsRefused(tried), m.Epoch(), before)
			}
			want := map[string]bool{}
			for _, other := range tt.refused {
				want[other] = true
			}
			for other, l := range others {
				if got := m.IsRefused(l); got != want[other] {
					t.Errorf("%s is refused: %t, want %t", other, got, want[other])
				}
			}
		})
	}
}

func TestNothingIsKnownAndLaunchesGoOneAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := availability.New(time.Now)
		leave := enter(t, m, launch("tinav6.c2r4p2", "subnet-1"))
		entered := make(chan error, 2)
		for range 2 {
			go func() {
				leave, err := m.Enter(t.Context(), launch("tinav6.c2r4p2", "subnet-1"))
				entered <- err
				if err == nil {
					leave()
				}
			}()
		}
		synctest.Wait()
		if len(entered) != 0 {
			t.Fatal("a second launch has gone before the first had an answer")
		}
		m.Refuse(availability.Blame{Type: "tinav6.c2r4p2", Subregion: "eu-west-2a"}, class(), "10001")
		leave()
		for range 2 {
			if err := <-entered; !errors.Is(err, availability.ErrRefused) {
				t.Errorf("got %v, want ErrRefused: it would be refused as the first was", err)
			}
		}
	})
}

func TestASuccessLetsTheOthersGoTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := availability.New(time.Now)
		leave := enter(t, m, launch("tinav6.c2r4p2", "subnet-1"))
		m.Launched(launch("tinav6.c2r4p2", "subnet-1"))
		leave()
		enter(t, m, launch("tinav6.c2r4p2", "subnet-1"))
		enter(t, m, launch("tinav6.c2r4p2", "subnet-1")) // would wait for the one before it
	})
}

func TestAnAnswerThatDoesNotComeStopsTheOthersForTenSecondsOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := availability.New(time.Now)
		lost := enter(t, m, launch("tinav6.c2r4p2", "subnet-1"))
		began := time.Now()
		second := enter(t, m, launch("tinav6.c2r4p2", "subnet-1"))
		if waited := time.Since(began); waited != 10*time.Second {
			t.Errorf("the second launch waited for %s, want 10s", waited)
		}
		lost() // late, and no longer the one that the others wait for
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		if _, err := m.Enter(ctx, launch("tinav6.c2r4p2", "subnet-1")); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v, want the end of the context: the second launch has no answer yet", err)
		}
		second()
		enter(t, m, launch("tinav6.c2r4p2", "subnet-1"))()
	})
}

func TestAfterARefusalOneLaunchIsTheTrial(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := availability.New(time.Now)
		for _, wait := range []time.Duration{time.Minute, 2 * time.Minute, 4 * time.Minute, 8 * time.Minute, 16 * time.Minute, 30 * time.Minute, 30 * time.Minute} {
			leave := enter(t, m, launch("tinav6.c2r4p2", "subnet-1"))
			until := m.Refuse(availability.Blame{Class: class()}, class(), "4078")
			m.Refuse(availability.Blame{Class: class()}, class(), "4078") // was on its way too
			leave()
			if got := time.Until(until); got != wait {
				t.Errorf("next try after %s, want %s", got, wait)
			}
			epoch := m.Epoch()
			time.Sleep(wait - 1)
			if _, err := m.Enter(t.Context(), launch("tinav6.c4r8p2", "subnet-2")); !errors.Is(err, availability.ErrRefused) {
				t.Errorf("another type after %s: %v, want ErrRefused", wait-1, err)
			}
			time.Sleep(time.Nanosecond)
			if m.Epoch() == epoch {
				t.Error("the time of the refusal is over, and the epoch is the same")
			}
		}
	})
}

func TestTheAccountsRoomShrinksWithEachLaunch(t *testing.T) {
	m := availability.New(time.Now)
	m.Limit(availability.Room{VMs: -1, VCores: 5, MemoryGiB: -1}, class(), "10042")
	for i := range 2 {
		if m.IsRefused(launch("tinav6.c2r4p2", "subnet-1")) {
			t.Fatalf("launch %d is refused, though two times two vCores fit into five", i)
		}
		m.Launched(launch("tinav6.c2r4p2", "subnet-1"))
	}
	if !m.IsRefused(launch("tinav6.c2r4p2", "subnet-1")) {
		t.Error("one vCore is left, and two are on offer")
	}
}

func TestAnOpenRefusalIsNotForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := availability.New(time.Now)
		m.Refuse(availability.Blame{Type: "tinav9.c2r4p2"}, class(), "5024")
		time.Sleep(11 * time.Hour)
		m.Launched(launch("tinav6.c2r4p2", "subnet-1"))
		if !m.IsRefused(launch("tinav9.c2r4p2", "subnet-1")) {
			t.Error("after 11 of 12 hours the refusal is forgotten")
		}
	})
}

func TestAClassHearsOfItsRefusals(t *testing.T) {
	m := availability.New(time.Now)
	var heard []string
	m.Subscribe(func(name string) { heard = append(heard, name) })
	m.Refuse(availability.Blame{Type: "tinav6.c2r4p2", Subregion: "eu-west-2a"}, class(), "10001") // no fault of the class
	m.Refuse(availability.Blame{Class: class()}, class(), "4078")
	m.Refuse(availability.Blame{Class: class()}, class(), "4078") // the same refusal: no second look
	if len(heard) != 1 || heard[0] != "default" {
		t.Errorf("heard of %q, want default once", heard)
	}
	if why, until := m.OfClass(class()); why != "4078" || until.IsZero() {
		t.Errorf("the class is refused for %q until %s", why, until)
	}
}
