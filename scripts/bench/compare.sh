#!/bin/sh
# Times training steps and inference in Columna and in PyTorch in turn, several
# rounds, since what else runs on the machine slows both, and prints the table of
# ratios: below 1 Columna is faster, or smaller.
#
#   scripts/bench/compare.sh [-t THREADS] [-r ROUNDS] [-c COLUMNA] [NET..]
#
# NET is unet-wide or gfssnet-compact, both if none is given. PYTHON names the
# interpreter that has PyTorch, python3 if unset.
set -eu
cd "$(dirname "$0")/../.."
threads=1 rounds=3 columna=bin/columna
while getopts t:r:c: flag; do
	case $flag in
	t) threads=$OPTARG ;;
	r) rounds=$OPTARG ;;
	c) columna=$OPTARG ;;
	*) exit 2 ;;
	esac
done
shift $((OPTIND - 1))
[ $# -gt 0 ] || set -- unet-wide gfssnet-compact
python=${PYTHON:-python3}
results=$(mktemp)
trap 'rm -f "$results"' EXIT
for round in $(seq "$rounds"); do
	for net; do
		echo "round $round of $rounds: $net, $threads threads" >&2
		"$columna" bench "net/$net/" --rounds 3 --threads "$threads" --json >>"$results"
		"$python" scripts/bench/torch_reference.py "$net" --rounds 3 --threads "$threads" >>"$results"
	done
done
"$python" scripts/bench/ratios.py <"$results"
