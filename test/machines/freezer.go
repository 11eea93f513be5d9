package machines

import "sync"

// Freezer makes the kubelets of some machines hang: the machine is alive, and its node says nothing any more.
type Freezer struct {
	mu       sync.Mutex
	switches map[string]chan struct{}
}

// Freeze makes the kubelet of a VM hang until the next boot of the VM.
func (f *Freezer) Freeze(vmID string) {
	f.FreezeForever(vmID)
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.switches, vmID)
}

// FreezeForever makes the kubelet of a VM hang now, and after each boot.
func (f *Freezer) FreezeForever(vmID string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if current := f.current(vmID); !isClosed(current) {
		close(current)
	}
}

// watch returns a channel that is closed while the kubelet of a VM is to hang.
func (f *Freezer) watch(vmID string) <-chan struct{} {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.current(vmID)
}

func (f *Freezer) current(vmID string) chan struct{} {
	if f.switches == nil {
		f.switches = map[string]chan struct{}{}
	}
	if f.switches[vmID] == nil {
		f.switches[vmID] = make(chan struct{})
	}
	return f.switches[vmID]
}

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}
