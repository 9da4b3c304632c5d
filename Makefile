# Causeway. `make help` lists what can be done here.

SHELL := /bin/bash
.DEFAULT_GOAL := help
BIN := bin
PACKAGES := ./...
# The crash tests: how often the process is killed, and at how many contacts and e-mail events.
CRASHES ?= 50
CRASH_CONTACTS ?= 20000
CRASH_EVENTS ?= 100000
# How many people opt in and out in the long crash test, and how many contacts are replayed while one opts out.
PEOPLE ?= 50000
REPLAYED ?= 200000
# How many random stories of settings, changes and kills are told.
STORIES ?= 20
# The proofs at scale: rows of each of fifteen linked tables, records of each kind whose engine calls are counted.
PROOF_ROWS ?= 13400
PROOF_RECORDS ?= 100000
FUZZ_TIME ?= 150s

.PHONY: help
help: ## List the targets
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  %-12s %s\n", $$1, $$2}'

.PHONY: run
run: build ## Run everything in one process, with both remote systems simulated, and the page on http://127.0.0.1:8080
	$(BIN)/standalone --sandbox --log-plain

.PHONY: build
build: ## Build every binary into bin/
	@mkdir -p $(BIN)
	go build -o $(BIN)/ ./deploy/standalone/cmd/standalone ./deploy/sandbox/cmd/sandbox \
		./services/admin/cmd/admin ./services/ingress/cmd/ingress ./services/egress/cmd/egress ./services/optinout/cmd/optinout

.PHONY: test
test: ## Run the tests of the product, with the race detector and a short crash test
	go test -race -timeout 9m $(PACKAGES)

.PHONY: lint
lint: tools ## Check format, vet, staticcheck and, where its database can be reached, govulncheck
	@files=$$(gofmt -l $$(git ls-files '*.go')); if [ -n "$$files" ]; then echo "not formatted: $$files"; exit 1; fi
	go vet ./... && go vet -C deploy/e2e ./... && go vet -C deploy/bench ./... && go vet -C deploy/containers ./...
	$(BIN)/staticcheck ./... && (cd deploy/e2e && ../../$(BIN)/staticcheck ./...) && (cd deploy/bench && ../../$(BIN)/staticcheck ./...) && (cd deploy/containers && ../../$(BIN)/staticcheck ./...)
	@if curl -sfI -m 10 https://vuln.go.dev/index/modules.json >/dev/null 2>&1; then $(BIN)/govulncheck ./...; \
		else echo "govulncheck: its database cannot be reached from here, not run"; fi

.PHONY: tools
tools: ## Build the tools that tests and linters use into bin/: the NATS CLI, staticcheck, govulncheck
	@mkdir -p $(BIN)
	go build -C deploy/e2e -o ../../$(BIN)/ tool

.PHONY: e2e-setup
e2e-setup: ## Install what the end-to-end tests need (Debian, root): chromium, the OpenSSH server and jq; promtool goes into bin/
	@command -v chromium >/dev/null && command -v jq >/dev/null && test -x /usr/sbin/sshd || \
		(apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -y -q chromium openssh-server jq)
	@command -v promtool >/dev/null || test -x $(BIN)/promtool || $(MAKE) --no-print-directory $(BIN)/promtool

# Out of Debian's package of Prometheus, which would start a server if it were installed.
$(BIN)/promtool:
	@mkdir -p $(BIN)
	@folder=$$(mktemp -d) && chmod 755 $$folder && (cd $$folder && (apt-get download -q prometheus 2>/dev/null || (apt-get update -q && apt-get download -q prometheus))) && \
		dpkg-deb --fsys-tarfile $$folder/prometheus_*.deb | tar -xO ./usr/bin/promtool > $(BIN)/promtool.new && \
		rm -r $$folder && chmod +x $(BIN)/promtool.new && mv $(BIN)/promtool.new $@

.PHONY: e2e
e2e: build tools ## Run the end-to-end tests: NATS CLI, browser, separate services, and the long crash tests
	go test -C deploy/e2e -race -timeout 40m -count 1 ./...
	go test -race -timeout 40m ./deploy/crash -run 'Crash|Standby' -skip OptInOut -count 1 -args -takeover 5s -crashes $(CRASHES) -contacts $(CRASH_CONTACTS) -events $(CRASH_EVENTS) -stories $(STORIES)
	go test -timeout 60m ./deploy/crash -run 'CrashOfOptInOut|OptOutWhile' -count 1 -v -args -slowest 5s -openssh -crashes 20 -people $(PEOPLE) -replayed $(REPLAYED)

.PHONY: proofs
proofs: ## Prove in full what the ordinary tests show in small: linked tables at scale, engine calls, fuzzing (about half an hour)
	go test ./deploy/scale -count 1 -timeout 60m -v -args -rows $(PROOF_ROWS) -budget 40m -slowest 5s
	go test ./services/ingress -count 1 -timeout 60m -v -run TestEngineCallsARecord -args -records $(PROOF_RECORDS)
	for target in $$(grep -ho '^func Fuzz[A-Za-z]*' pkg/mapping/*_test.go | cut -c6-); do \
		go test ./pkg/mapping -run - -fuzz "^$$target\$$" -fuzztime $(FUZZ_TIME) || exit 1; done

.PHONY: scale
scale: ## Measure the pages and the API with 1,000,000 rejected records and 1,000 revisions (about two minutes)
	go test ./services/admin -count 1 -timeout 20m -v -run TestPagesAtScale -args -failures 1000000 -edits 1000 -timed

.PHONY: screenshots
screenshots: ## Take the pictures of the pages for docs/screenshots
	CAUSEWAY_SCREENSHOTS=1 go test -C deploy/e2e -count 1 -run 'Screenshots|SigningInAndOut' ./...

.PHONY: bench
bench: ## Measure the budgets of the design, each beside its raw baseline
	go run -C deploy/bench .

# The images are of a commit: its time is theirs, so that the same commit gives the same bytes.
VERSION ?= $(shell git describe --tags --always 2>/dev/null || echo dev)
SOURCE_DATE_EPOCH ?= $(shell git log -1 --format=%ct 2>/dev/null || echo 0)
IMAGE_PREFIX ?= causeway/
IMAGES ?=

.PHONY: images
images: ## Build the container images, with an SBOM beside each, into bin/images, and give them to the Docker engine where one runs
	@mkdir -p $(BIN)/images
	SOURCE_DATE_EPOCH=$(SOURCE_DATE_EPOCH) go run ./deploy/images/cmd/images -prefix '$(IMAGE_PREFIX)' -version '$(VERSION)' -only '$(IMAGES)' \
		-revision "$$(git rev-parse HEAD 2>/dev/null)" $$(docker info >/dev/null 2>&1 && echo -load)

.PHONY: compose-test
compose-test: images tools ## Test images and compose files on the Docker engine of this machine (about 7 minutes)
	go test -C deploy/containers -count 1 -v -timeout 20m ./...

# Further names and addresses of the NATS servers, comma-separated, for their certificate.
NAMES ?=

.PHONY: compose-init
compose-init: ## Make what docker-compose.yml needs and is not there: secrets/ (keys, certificates, first user) and .env
	@go run ./deploy/secrets/cmd/secrets -folder secrets -names '$(NAMES)'
	@test -e .env || { umask 077; sed "s/^#\?CAUSEWAY_USER=.*/CAUSEWAY_USER=$$(id -u | sed 's/^0$$/65532/'):$$(id -g | sed 's/^0$$/65532/')/" .env.example > .env; echo "made .env"; }

.PHONY: certs
certs: ## Make the certificates of the NATS servers only, of an authority of their own, into secrets/
	@go run ./deploy/secrets/cmd/secrets -folder secrets -certs -names '$(NAMES)'

.PHONY: clean
clean: ## Remove binaries and the sandbox's data
	rm -rf $(BIN) data
