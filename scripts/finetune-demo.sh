#!/bin/sh
# The learning loop on phantoms: corrections of a scanner that the shipped network has
# never seen are learned and, where the gate lets them, taken into use; the rollback brings
# the former bytes back; the same corrections, spoiled, are refused. Prints the figures of
# both gates, and fails where the good corrections were refused. The same call goes on where
# an interrupted one was: what is done is not done again, and a learning goes on from its
# checkpoint.
#   scripts/finetune-demo.sh [DIR [LEARNED [HELD [STEPS]]]]
set -eu
cd "$(dirname "$0")/.."
dir=${1:-finetune-demo-out}
learned=${2:-8}
held=${3:-8}
steps=${4:-0}
threads=${COLUMNA_THREADS:-1}
mkdir -p "$dir"
bin=$dir/columna
go build -tags headless -o "$bin" .
export COLUMNA_DB="$dir/demo.db"

hash_in_use() { "$bin" models --json | python3 -c 'import json,sys; print(next(m["sha256"] for m in json.load(sys.stdin)["models"] if m["net"] == "gfssnet"))'; }
figures() {
	python3 - "$1" <<'PY'
import json, sys
r = json.load(open(sys.argv[1]))
print(f'{r["decision"]}: {r["corrections"]} corrections of {r["patients"]} patients, {r["held_out_patients"]} held out; {r["learn_seconds"]:.0f} s learning, {r["judge_seconds"]:.0f} s judging')
show = lambda x, form: "-" if x is None else form % x
for c in r["checks"]:
    d = c["change"]
    print(f'  {c["set"]:18} {c["name"]:42} {show(c["before"], "%.3f")} -> {show(c["after"], "%.3f")}  {show(d["value"], "%+.3f")} ({show(d["low"], "%+.3f")} to {show(d["high"], "%+.3f")})  {c["rule"]}: {"yes" if c["passed"] else "NO"}')
PY
}

# once NAME COMMAND... runs a command unless an earlier call has ended it.
once() {
	name=$1
	shift
	if [ ! -e "$dir/$name.done" ]; then
		"$@"
		: >"$dir/$name.done"
	fi
}
make_patients() {
	rm -rf "$dir/dicom" "$dir"/demo.db* "$dir/demo-learning"
	go run scripts/finetune_demo.go make "$dir" "$learned" "$held"
}
roll_back() {
	rm -f "$dir/refused"
	after=$(hash_in_use)
	echo "in use: $after"
	if [ "$before" = "$after" ]; then
		echo "the candidate was not let into use: there is nothing to roll back"
		: >"$dir/refused"
		return
	fi
	"$bin" models --rollback gfssnet
	[ "$(hash_in_use)" = "$before" ] || { echo "the rollback did not restore the former model"; exit 1; }
}
learn() { "$bin" finetune --steps "$steps" --threads "$threads" --json >"$dir/$1.json"; }

once patients make_patients
once before eval 'hash_in_use >"$dir/before"'
before=$(cat "$dir/before")
echo "in use: $before"
once good learn good
figures "$dir/good.json"
once rolled_back roll_back
once spoiled go run scripts/finetune_demo.go poison "$dir" "$dir/good.json"
once poisoned learn poisoned
figures "$dir/poisoned.json"
[ "$(hash_in_use)" = "$before" ] || { echo "a spoiled candidate was let into use"; exit 1; }
"$bin" models --history
"$bin" check
[ ! -e "$dir/refused" ] || { echo "the corrections taught nothing that the gate lets in"; exit 1; }
