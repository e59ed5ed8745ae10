# yanzhen: one static binary and nothing else. Built with BuildKit:
#   docker build -t yanzhen .
FROM golang:1.26.8-bookworm AS build
WORKDIR /src
# The checkout is mounted, not copied: only the binary leaves this stage.
# VERSION overrides what git says of the commit.
ARG VERSION=
RUN --mount=type=bind,target=/src \
    --mount=type=cache,target=/go/pkg/mod \
    --mount=type=cache,target=/root/.cache/go-build \
    version="${VERSION:-$(git describe --always --tags 2>/dev/null || echo unknown)}" && \
    CGO_ENABLED=0 go build -trimpath -buildvcs=false \
      -ldflags "-s -w -X github.com/yanzhen-id/yanzhen/cmd.Version=$version" \
      -o /out/yanzhen .

# No shell, no package manager: certificates, time zones, a user.
FROM gcr.io/distroless/static-debian12:nonroot
COPY --from=build /out/yanzhen /usr/local/bin/yanzhen
USER 65532:65532
ENTRYPOINT ["/usr/local/bin/yanzhen"]
CMD ["--help"]
