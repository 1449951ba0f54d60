# The image of epr-mcp; docs/CONTAINER.md tells how to run it.
#
#   docker build -t epr-mcp .                          builds the program from source
#   docker build -t epr-mcp -f Dockerfile --target prebuilt FOLDER
#                                                      takes FOLDER/epr-mcp, built for Debian 12 before
#
#   PROFILE   the profile of Cargo that the program is built with

ARG DEBIAN=docker.io/library/debian:bookworm-slim
ARG RUST=docker.io/library/rust:1.95-slim-bookworm

FROM $DEBIAN AS runtime
# Certificates, for PostgreSQL servers whose certificate is to be verified. A user without rights, and
# the folder of the registry, which a new volume takes its owner from.
RUN set -eu; \
    if [ ! -s /etc/ssl/certs/ca-certificates.crt ]; then \
        apt-get update -qq; \
        apt-get install -y -qq --no-install-recommends ca-certificates; \
        rm -rf /var/lib/apt/lists/* /var/cache/apt/* /var/log/apt /var/log/dpkg.log; \
    fi; \
    echo 'epr:x:65532:' >> /etc/group; \
    echo 'epr:x:65532:65532::/data:/usr/sbin/nologin' >> /etc/passwd; \
    mkdir -m 750 /data; \
    chown 65532:65532 /data
LABEL org.opencontainers.image.title="epr-mcp" \
      org.opencontainers.image.description="An Event Provenance Registry that AI assistants talk to over MCP" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.base.name="docker.io/library/debian:bookworm-slim"
# There is no VOLUME: it would give a container without a volume one that has no name and goes with the
# container, and /data would look as if it lasted.
ENV EPR_DB=/data/epr.db
USER 65532:65532
WORKDIR /data
ENTRYPOINT ["/usr/local/bin/epr-mcp"]
CMD ["stdio"]

FROM runtime AS prebuilt
COPY --chmod=755 epr-mcp /usr/local/bin/epr-mcp

FROM $RUST AS build
ARG PROFILE=dist
WORKDIR /src
COPY Cargo.toml Cargo.lock ./
COPY benches benches
COPY docs/ci docs/ci
COPY migrations migrations
COPY src src
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/src/target \
    set -eu; \
    cargo build --locked --profile "$PROFILE" --bin epr-mcp; \
    folder="$PROFILE"; \
    if [ "$PROFILE" = dev ]; then folder=debug; fi; \
    cp "target/$folder/epr-mcp" /epr-mcp; \
    strip /epr-mcp

FROM runtime
COPY --from=build /epr-mcp /usr/local/bin/epr-mcp
