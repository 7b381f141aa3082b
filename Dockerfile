# The gateway, and nothing else: no emulator, no test, no package manager of ours, and nothing that needs a shell.
# What is in it, and how to pin, check and mirror it: docs/reference/image.md

# With a digest where builds are to be repeatable: --build-arg NODE_IMAGE=docker.io/library/node:26-slim@sha256:…
ARG NODE_IMAGE=docker.io/library/node:26-slim
# Where it is built: Node 26 with npm and a shell. The other needs Node alone.
ARG BUILD_IMAGE=${NODE_IMAGE}

FROM ${BUILD_IMAGE} AS build
WORKDIR /build
COPY package.json package-lock.json LICENSE ./
# A registry of your own: --secret id=npmrc,src=$HOME/.npmrc. It is in no layer.
RUN --mount=type=secret,id=npmrc NPM_CONFIG_USERCONFIG=/run/secrets/npmrc npm ci --ignore-scripts --no-audit --no-fund
COPY supply-chain supply-chain
COPY src src
RUN node supply-chain/bundle.ts \
  && node supply-chain/sbom.ts > dist/sbom.cdx.json \
  && node supply-chain/licences.ts > dist/LICENSES

FROM ${NODE_IMAGE}
ARG VERSION=0.1.0
ARG REVISION=unknown
ARG CREATED=1970-01-01T00:00:00Z
LABEL org.opencontainers.image.title="Session Gateway" \
  org.opencontainers.image.description="An authenticated, caching reverse proxy for Microsoft Security Copilot sessions on Microsoft Graph" \
  org.opencontainers.image.licenses="MIT" \
  org.opencontainers.image.version="${VERSION}" \
  org.opencontainers.image.revision="${REVISION}" \
  org.opencontainers.image.created="${CREATED}"
# Of the container's memory the heap may take so much; the rest is for sockets, buffers and the program itself. As a
# variable, so that what is started beside it (doctor, by kubectl exec) has the same.
ENV NODE_ENV=production NODE_OPTIONS=--max-old-space-size-percentage=60
# Where authorities of your own may be mounted. Without the folder Node complains at each start.
WORKDIR /etc/ssl/certs
WORKDIR /app
# Readable for every user, whatever the umask of the clone.
COPY --chmod=0644 package.json ./
COPY --from=build /build/dist ./
USER 65532:65532
EXPOSE 8443 9090
STOPSIGNAL SIGTERM
ENTRYPOINT ["node", "main.js"]
CMD ["serve"]
