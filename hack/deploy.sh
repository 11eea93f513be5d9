#!/usr/bin/env bash
# Puts the working tree into a cluster: builds the image, pushes it, sets it in the Deployment, waits for the roll-out.
#
#   IMAGE=registry.example.com/karpenter hack/deploy.sh
#
# The chart must be installed already. Every variable below can be set; DRY_RUN=1 only prints the commands.
set -euo pipefail
cd "$(dirname "$0")/.."

: "${IMAGE:?the repository to push to, for instance registry.example.com/karpenter}"
TAG=${TAG:-$(git describe --tags --always --dirty)-$(date +%s)}
PLATFORMS=${PLATFORMS:-linux/amd64}
NAMESPACE=${NAMESPACE:-karpenter}
DEPLOYMENT=${DEPLOYMENT:-karpenter-provider-outscale}
TIMEOUT=${TIMEOUT:-5m}

step() {
  echo "+ $*" >&2
  [[ -n ${DRY_RUN:-} ]] || "$@"
}

step docker buildx build --platform "$PLATFORMS" --build-arg "VERSION=$TAG" --tag "$IMAGE:$TAG" --push .
step kubectl --namespace "$NAMESPACE" set image "deployment/$DEPLOYMENT" "controller=$IMAGE:$TAG"
step kubectl --namespace "$NAMESPACE" rollout status "deployment/$DEPLOYMENT" --timeout "$TIMEOUT"
