#!/bin/sh
# Writes docs/twins.md: the worst error of each module against its PyTorch twin,
# from the lines that the tests named TestTwin_* log. Needs ONNX Runtime. The files
# NAME_twin_test.go give the groups.
set -eu
cd "$(dirname "$0")/../.."
log=$(mktemp)
trap 'rm -f "$log"' EXIT
go test -count=1 -v -run '^TestTwin_' ./export/... >"$log" || { cat "$log" >&2; exit 1; }
{
	cat <<'END'
# Twin errors

Operators, losses, modules and whole compact networks beside an independent PyTorch
implementation in float64: the worst relative error of any output, and of any gradient
by parameters and inputs. The error of a tensor is its largest difference over the
largest magnitude of the twin's tensor; `internal/twin` says how large tensors are
condensed. The reference evaluator computes in float64, ONNX Runtime in float32.

The tests hold both to 1e-5 forward and 1e-4 for gradients. In float32 a rectifier may
fall on its other side, so ONNX Runtime's gradients of whole networks, and of GF-SSNet's
encoder, are held to 1e-2; Grad-CAM maps, which are made of gradients, to 1e-4.

`scripts/twins/*_cases.py` write the data of the tests, `scripts/twins/table.sh` this file.

| | module | cases | evaluator, forward | evaluator, gradients | ONNX Runtime, forward | ONNX Runtime, gradients |
|---|---|---|---|---|---|---|
END
	awk -F ' *[|] *' '
		$1 ~ /twin$/ {
			group = $1
			sub(/_twin_test.*/, "", group)
			sub(/^ */, "", group)
			key = group " | " $2
			if (!(key in cases)) order[++rows] = key
			cases[key]++
			for (i = 4; i <= 7; i++) if ($i ~ /[0-9]/ && $i + 0 >= worst[key, i] + 0) worst[key, i] = $i
		}
		END {
			for (r = 1; r <= rows; r++) {
				key = order[r]
				printf "| %s | %d |", key, cases[key]
				for (i = 4; i <= 7; i++) printf " %s |", (key, i) in worst ? worst[key, i] : "–"
				print ""
			}
		}' "$log"
} >docs/twins.md
echo "docs/twins.md: $(grep -c '^| [a-z]' docs/twins.md) rows"
