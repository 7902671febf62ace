#!/bin/sh
# Writes docs/twins.md: the worst error of each module against its PyTorch twin,
# from the lines that the tests named TestTwin_* log. Needs ONNX Runtime.
set -eu
cd "$(dirname "$0")/../.."
log=$(mktemp)
trap 'rm -f "$log"' EXIT
go test -count=1 -v -run '^TestTwin_' ./export/... ./inference >"$log" || { cat "$log" >&2; exit 1; }
{
	cat <<'END'
# Twin errors

Every module, loss and whole compact network beside an independent PyTorch
implementation in float64 (`scripts/twins`): the worst relative error of any output
and of any gradient, by parameters and inputs. The error of a tensor is its largest
difference over the largest magnitude of the twin's; `internal/twin` says how large
tensors are condensed. The reference evaluator computes in float64, ONNX Runtime in
float32. Written by `scripts/twins/table.sh`.

| module | cases | evaluator, forward | evaluator, gradients | ONNX Runtime, forward | ONNX Runtime, gradients |
|---|---|---|---|---|---|
END
	awk -F ' *[|] *' '
		$1 ~ /twin$/ {
			if (!($2 in cases)) order[++rows] = $2
			cases[$2]++
			for (i = 4; i <= 7; i++) if ($i ~ /[0-9]/ && $i + 0 >= worst[$2, i] + 0) worst[$2, i] = $i
		}
		END {
			for (r = 1; r <= rows; r++) {
				m = order[r]
				printf "| %s | %d |", m, cases[m]
				for (i = 4; i <= 7; i++) printf " %s |", (m, i) in worst ? worst[m, i] : "–"
				print ""
			}
		}' "$log"
} >docs/twins.md
echo "docs/twins.md: $(grep -c '^| ' docs/twins.md) lines of table"
