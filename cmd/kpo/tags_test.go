package main

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/karpenter-outscale/karpenter-provider-outscale/cmd/kpo/internal/session"
	"github.com/karpenter-outscale/karpenter-provider-outscale/pkg/gather"
)

func TestTagsOfYoungVMsAreNotCalledRight(t *testing.T) {
	s, err := gather.Load(filepath.Join("testdata", "healthy.json"))
	if err != nil {
		t.Fatal(err)
	}
	for i := range s.VMs {
		s.VMs[i].Tags = nil
	}
	for _, young := range []struct {
		vms  int
		says string
		code int
	}{
		{2, "? nothing compared yet: skipped 2 VMs younger than 30s (tags may still be propagating); run it again", exitTrouble},
		{1, "- skipped 1 VM younger than 30s (tags may still be propagating)", exitFindings},
	} {
		for i := range s.VMs {
			s.VMs[i].CreatedAt = s.TakenAt.Add(-time.Hour)
			if i < young.vms {
				s.VMs[i].CreatedAt = s.TakenAt.Add(-10 * time.Second)
			}
		}
		file := filepath.Join(t.TempDir(), "young.json")
		if err := gather.Save(s, file); err != nil {
			t.Fatal(err)
		}
		got := kpo(t, session.Environment{UTF8: true}, "tags", "--from", file)
		if got.code != young.code || !strings.Contains(got.stdout, young.says) || strings.Contains(got.stdout, "correct") {
			t.Errorf("exit %d, want %d and %q:\n%s", got.code, young.code, young.says, got.stdout)
		}
	}
}
