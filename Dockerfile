# syntax=docker/dockerfile:1
ARG GO_IMAGE=golang:1.27.3
ARG BASE_IMAGE=gcr.io/distroless/static-debian12:nonroot

# Go compiles for other machines faster than an emulated machine compiles for itself.
FROM --platform=$BUILDPLATFORM ${GO_IMAGE} AS build
WORKDIR /src
ENV CGO_ENABLED=0 GOTOOLCHAIN=local
COPY go.mod go.sum ./
RUN --mount=type=cache,target=/go/pkg/mod go mod download
COPY cmd cmd
COPY pkg pkg
ARG TARGETOS TARGETARCH VERSION=v0.0.0-dev
RUN --mount=type=cache,target=/go/pkg/mod --mount=type=cache,target=/root/.cache/go-build \
    GOOS=$TARGETOS GOARCH=$TARGETARCH go build -trimpath \
    -ldflags "-s -w -X github.com/karpenter-outscale/karpenter-provider-outscale/pkg/version.Version=$VERSION" \
    -o /controller ./cmd/controller

FROM ${BASE_IMAGE}
COPY --from=build /controller /controller
USER 65532:65532
ENTRYPOINT ["/controller"]
