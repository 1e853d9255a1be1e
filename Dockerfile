# `docker build .` builds from source. `make image` puts in the binary that `make static` made: BINARY=prebuilt, its
# directory as the context, no base image. Stages that are not asked for are not built.
ARG BINARY=built

FROM rust:1 AS built
ARG FUNCTION=hello
WORKDIR /fc-runtime
COPY . .
RUN target="$(uname -m)-unknown-linux-musl" \
    && rustup target add "$target" \
    && make static TARGET="$target" FUNCTION="$FUNCTION" \
    && cp target/fc/bootstrap /bootstrap

FROM scratch AS prebuilt
COPY bootstrap /bootstrap

FROM ${BINARY} AS binary

FROM scratch
COPY --from=binary /bootstrap /bootstrap
USER 65532:65532
EXPOSE 9000
ENTRYPOINT ["/bootstrap"]
