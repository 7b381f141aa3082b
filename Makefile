# Session Gateway. Every target does its own set-up, on any machine with make, bash and npm.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

# The system's Node is often too old, so the project brings its own, from the npm registry, into a folder that git
# ignores. NODE=/path/to/node uses another one.
node_version := 26.10.0
node_package := node-$(shell uname -s | tr A-Z a-z)-$(shell uname -m | sed 's/x86_64/x64/; s/aarch64/arm64/')
NODE ?= $(CURDIR)/.tools/node-$(node_version)/node_modules/$(node_package)/bin/node
export PATH := $(dir $(NODE)):$(CURDIR)/node_modules/.bin:$(PATH)

installed := node_modules/.installed
sources := $(shell find src -name '*.ts')

.PHONY: help demo emulate test check audit format build sbom image chart bench soak docs node clean

help: ## what there is to make
	@sed -nE 's/^([a-z]+):.*## (.*)/  make \1\t\2/p' Makefile | expand -t 20

demo: $(installed) ## the main job against an emulated Entra and Graph (ARGS=--once: exit after the story)
	@node src/main.ts demo $(ARGS)

emulate: $(installed) ## the emulated Entra, Graph and issuers alone (ARGS="--port 9443")
	@node src/main.ts emulate $(ARGS)

# Each test file is a process that loads hundreds of modules: what is compiled is kept from one to the next.
test: check dist/main.js ## every check there is: format, lint, types, known weaknesses, and all tests
	@node supply-chain/audit.ts --where-answered
	@node test/world/debian.ts
	@node test/world/redis-server.ts
	@node test/world/helm.ts
	@node test/image/build.ts
	@node test/world/promtool.ts
	@NODE_COMPILE_CACHE=$(CURDIR)/.tools/compiled node --test --test-timeout=120000 --test-concurrency=2 $(TEST_ARGS) 'test/**/*.test.ts'

check: $(installed) ## format, lint and types, in seconds
	@prettier --check --log-level warn .
	@oxlint --type-aware --deny-warnings
	@tsc

audit: $(installed) ## is a dependency known to be weak? exit 1 from high on, and where nobody answers that
	@node supply-chain/audit.ts

format: $(installed) ## write what `check` would complain about, where a tool can
	@prettier --write --log-level warn .
	@oxlint --type-aware --fix

build: dist/main.js ## dist/main.js, the program

# Without the emulator: it is no part of what runs in production.
bundler := $(addprefix supply-chain/,bundle.ts compile.ts compiled.ts lean.ts)
dist/main.js: $(installed) $(sources) package.json $(bundler)
	@rm -rf dist
	@node supply-chain/bundle.ts

sbom: dist/sbom.cdx.json ## dist/sbom.cdx.json, what the program is made of (CycloneDX)

dist/sbom.cdx.json: dist/main.js package-lock.json supply-chain/sbom.ts supply-chain/npm.ts supply-chain/bundle.ts
	@node supply-chain/sbom.ts > $@.new && mv $@.new $@

image: $(installed) ## the container image session-gateway:VERSION, with docker, podman or buildah (BUILDER, IMAGE_ARGS)
	@node supply-chain/image.ts $(IMAGE_ARGS)

chart: $(installed) ## dist/session-gateway-VERSION.tgz, the chart as a package
	@node test/world/helm.ts
	@.tools/helm-4.1.4 package helm --destination dist >&2

# Which of the files there are benchmarks: those that say how they are run.
benchmarks = $(basename $(notdir $(shell grep -l 'make bench BENCH=' bench/*.ts)))

bench: $(installed) ## the goals, measured against peers (FULL=1: at length), or one of bench/ (BENCH=name); exit 1 when one is missed
	@$(if $(BENCH),$(if $(filter $(BENCH),$(benchmarks)),,{ echo "BENCH is one of: $(benchmarks)" >&2; exit 1; }))
	@node bench/$(or $(BENCH),all).ts

soak: dist/main.js ## MINUTES (10) of load, faults and restarts; SEED repeats the choices; exit 1 when an invariant breaks
	@node bench/soak/soak.ts

docs: $(installed) ## what is generated: references and the configuration's JSON Schema
	@node docs/generate.ts

node: $(NODE) ## the path of the Node in use
	@echo $(NODE)

clean: ## everything that was made or installed here
	@rm -rf dist node_modules .tools coverage

$(NODE):
	@command -v npm >/dev/null || { echo "npm is missing: install Node.js with npm first, any version" >&2; exit 1; }
	@mkdir -p .tools/node-$(node_version) && echo '{}' > .tools/node-$(node_version)/package.json
	@npm install --silent --no-save --no-package-lock --prefix .tools/node-$(node_version) $(node_package)@$(node_version)
	@test -x $(NODE) || { echo "no Node $(node_version) for this machine: give one with NODE=/path/to/node" >&2; exit 1; }

# npm runs on the project's Node: on an older one it would choose other versions.
$(installed): package.json package-lock.json | $(NODE)
	@npm ci --silent
	@touch $@
