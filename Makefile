# Everything a new machine needs, besides Go, git and make, is built by these targets from the module proxy.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
# The toolchain of go.mod comes through the module proxy, whatever Go >= 1.22 this machine has.
export GOTOOLCHAIN := go$(shell sed -n 's|^go ||p' go.mod)

VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo v0.0.0-dev)
LDFLAGS := -X github.com/karpenter-outscale/karpenter-provider-outscale/pkg/version.Version=$(VERSION)
# Modules of the repository: the product, its control plane for tests, and the tools.
MODULES := . test/controlplane/binaries test/controlplane/kwok tools tools/helm

.PHONY: help
help: ## Show the targets
	@grep -hE '^[a-z0-9-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z0-9-]+):.*## (.*)/  \1\t\2/' | expand -t 16

.PHONY: demo
demo: ## A whole cluster on this machine that scales 0 -> 3 -> 12 -> 0 and goes away (CHART=1, FAULTS=storm, FLAGS=...)
	@echo "building the demo itself (minutes on a cold cache); it then builds the rest and says how far it is"
	go build -o bin/sandbox ./test/sandbox/cmd/sandbox
	bin/sandbox demo $(if $(CHART),--chart) $(if $(FAULTS),--faults=$(FAULTS)) $(FLAGS)

.PHONY: sandbox
sandbox: ## The same cluster left running, with lines to paste for kubectl and Outscale clients (FLAGS=...)
	go build -o bin/sandbox ./test/sandbox/cmd/sandbox
	bin/sandbox stay $(FLAGS)

.PHONY: build
build: ## Build bin/controller and bin/kubectl-kpo
	go build -ldflags "$(LDFLAGS)" -o bin/controller ./cmd/controller
	go build -ldflags "$(LDFLAGS)" -o bin/kubectl-kpo ./cmd/kpo

.PHONY: controlplane
controlplane: ## Build etcd, Kubernetes and kwok for tests, once per version
	go run ./test/controlplane/cmd/build

# The same file that test/helm builds for a chart test that runs alone.
HELM := bin/helm-$(shell sed -n 's|.*helm.sh/helm/v4 \(v[^ ]*\).*|\1|p' tools/helm/go.mod)
$(HELM): tools/helm/go.mod
	cd tools/helm && go build -o ../../$@ helm.sh/helm/v4/cmd/helm

.PHONY: test
test: controlplane $(HELM) ## Unit tests and tests against the emulated region and a real API server, with the race detector
	go test -race -timeout 20m $$(go list ./... | grep -v /test/chaos$$)
	@# The walks are one long computation in a bubble, which the race detector makes ten times longer. GOFLAGS=-race make chaos SEEDS=20 does it.
	go test -timeout 20m ./test/chaos

# A seed that failed in the walks of make test is told and repeated with SEED.
SEEDS ?= 1000
STEPS ?= 45
.PHONY: chaos
chaos: ## Random walks over the faults of the cloud, the cluster and the controller (SEEDS=1000, SEED=n for the story of one)
	CHAOS_SEEDS=$(SEEDS) CHAOS_SEED=$(SEED) CHAOS_STEPS=$(STEPS) go test -count 1 -v -timeout 60m -run 'TestChaos$$' ./test/chaos | \
		grep -vE '^ *(=== |--- PASS)'

.PHONY: e2e
e2e: controlplane ## Scenarios on a whole cluster
	go test -tags e2e -count 1 -parallel 3 -timeout 60m ./test/e2e/...

.PHONY: bench
bench: controlplane ## Calls per node, time to launch and micro benchmarks, as in docs/benchmarks.md
	go test -run '^$$' -bench . -benchtime 1x -timeout 60m ./test/bench/...
	go test -run '^$$' -bench . ./pkg/...

.PHONY: generate
generate: bin/controller-gen ## Write generated files anew
	bin/controller-gen object crd paths=./pkg/apis/... output:crd:dir=pkg/apis/crds
	install -m 644 $$(go list -m -f '{{.Dir}}' sigs.k8s.io/karpenter)/pkg/apis/crds/*.yaml pkg/apis/crds/*.yaml charts/karpenter-provider-outscale-crd/files/

.PHONY: lint
lint: bin/golangci-lint ## Check style and architecture
	bin/golangci-lint run ./...
	bin/golangci-lint fmt --diff ./...

.PHONY: verify
verify: generate lint ## Generated files current, modules tidy, lint clean
	git diff --exit-code -- pkg/apis charts
	@if git grep -nE '^(<{7}|>{7}) '; then echo "conflict markers of a merge"; exit 1; fi
	@for module in $(MODULES); do (cd $$module && echo "go mod tidy in $$module" && go mod tidy -diff); done

bin/controller-gen: tools/go.mod
	cd tools && go build -o ../$@ sigs.k8s.io/controller-tools/cmd/controller-gen

bin/golangci-lint: tools/go.mod
	cd tools && go build -o ../$@ github.com/golangci/golangci-lint/v2/cmd/golangci-lint
