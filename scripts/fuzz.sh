#!/bin/bash
# Runs every fuzz target of the repository in turn for FUZZTIME (60s) each, or
# those whose names hold the word given, and prints how many inputs each tried.
# Fails on a crash, on memory beyond 1 GiB, and on an input that takes longer than
# five seconds. An input that crashes is kept in the package's testdata/fuzz.
#
#   [FUZZTIME=10m] scripts/fuzz.sh [NAME]
set -u
cd "$(dirname "$0")/.."
time=${FUZZTIME:-60s} word=${1:-} total=0 failed=0
log=$(mktemp)
trap 'rm -f "$log"' EXIT

# The Go runtime holds its heap near GOMEMLIMIT; what it cannot, the limit on
# address space ends. The runtime reserves about 2 GiB of it that it does not use,
# and ONNX Runtime, where a test has it, another.
export GOMEMLIMIT=1GiB
limit=$((4 * 1024 * 1024))

# peak is the most memory in KiB that the process group $1 has had in a process.
peak() {
	local most=0 pid kib
	for pid in $(pgrep -g "$1"); do
		kib=$(awk '/^VmHWM/{print $2}' "/proc/$pid/status" 2>/dev/null)
		[ "${kib:-0}" -gt "$most" ] && [ "$(cat "/proc/$pid/comm" 2>/dev/null)" != compile ] && most=$kib
	done
	echo "$most"
}

# stands tells that two reports in a row, three seconds apart, counted no input: what
# Go takes to shorten an input, which it does not count, is held to a second.
stands() { grep '^fuzz: elapsed' "$log" | tail -n 2 | grep -c '(0/sec)' | grep -q 2; }

fuzz() { # NAME PACKAGE
	local most=0 kib why="" pid
	go test -c -o /dev/null "$2" || return 1 # so that compiling does not count
	setsid bash -c 'ulimit -v "$1"; exec go test -run "^\$" -fuzz "^$2\$" -fuzztime "$3" -fuzzminimizetime 1s -parallel 2 "$4"' \
		fuzz "$limit" "$1" "$time" "$2" >"$log" 2>&1 &
	pid=$!
	while kill -0 "$pid" 2>/dev/null; do
		sleep 1
		kib=$(peak "$pid")
		[ "$kib" -gt "$most" ] && most=$kib
		[ "$most" -gt $((1024 * 1024)) ] && why="more than 1 GiB of memory"
		stands && why="no input done in five seconds"
		[ -n "$why" ] && kill -- "-$pid" 2>/dev/null && break
	done
	wait "$pid" || why=${why:-crashed}
	execs=$(sed -n 's/^fuzz: elapsed.*execs: \([0-9]*\).*/\1/p' "$log" | tail -n 1)
	execs=${execs:-0}
	total=$((total + execs))
	printf '%-42s %-20s %11d inputs %5d MiB  %s\n' "$1" "$2" "$execs" $((most / 1024)) "${why:-ok}"
	[ -z "$why" ] || { grep -v '^fuzz: elapsed' "$log" | head -n 40; failed=1; }
}

targets=$(grep -rno '^func Fuzz[A-Za-z0-9_]*' --include='*_test.go' . | sed 's/:[0-9]*:func /:/' | sort)
for target in $targets; do
	name=${target##*:} package=$(dirname "${target%%:*}")
	case $name in *"$word"*) fuzz "$name" "$package" ;; esac
done
echo "$total inputs in all"
exit $failed
