# `make` lists the verbs. Only Go and make are needed to begin with; `setup`
# installs the rest.
.PHONY: help setup run test test-pacs build headless bench fuzz lint fmt models ux clean

BIN := bin/columna
ORT = $(shell scripts/setup.sh --where)

help: ## list the verbs
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-9s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: ## install what is missing: system packages, ONNX Runtime, image decoders
	@scripts/setup.sh

build: setup ## build bin/columna
	go build -o $(BIN) .

headless: setup ## build bin/columna-headless, without Fyne and OpenGL
	go build -tags headless -o $(BIN)-headless .

run: build ## open the reading room on a demo study (or draw it, without a display)
	@scripts/run.sh $(BIN)

test: setup ## pass all tests
	go vet ./...
	go vet -tags headless ./...
	COLUMNA_ORT_LIB="$(ORT)" go test -timeout 20m ./...

test-pacs: setup ## install Orthanc where it is missing and test against it
	@scripts/setup.sh --orthanc
	go test -count=1 -v -run Orthanc ./dicom/web ./review ./cli ./app

bench: build ## run the benchmarks, or those whose names hold NAME=conv
	COLUMNA_ORT_LIB="$(ORT)" $(BIN) bench $(NAME)

fuzz: setup ## try every fuzz target for FUZZTIME (60s) each, or those whose names hold NAME=Parse
	COLUMNA_ORT_LIB="$(ORT)" scripts/fuzz.sh $(NAME)

lint: ## vet and check formatting
	go vet ./...
	@test -z "$$(gofmt -l $$(git ls-files '*.go'))" || { gofmt -l $$(git ls-files '*.go'); exit 1; }

fmt: ## format all Go files
	gofmt -w $$(git ls-files '*.go')

models: build ## train the default models (hours; resumes)
	scripts/models.sh $(BIN)

ux: build ## drive the real window under Xvfb with mouse and keys
	scripts/ux-test.sh

clean: ## remove what was built
	rm -rf bin demo-out
