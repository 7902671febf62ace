#!/usr/bin/env bash
# Drives the real window under Xvfb with real mouse and keys: scroll, zoom, pan,
# window/level, brush, undo, redo, save, grade, worklist, reopen, quit, and looks
# in the window's own state file whether each did what a reader expects.
# Usage: scripts/ux-test.sh [BINARY] [SCREENSHOT.png]
set -euo pipefail
cd "$(dirname "$0")/.."
bin=${1:-bin/columna}
shot=${2:-}
for tool in Xvfb xdotool jq; do
	command -v "$tool" >/dev/null || { echo "ux: $tool is missing; apt-get install xvfb xdotool jq" >&2; exit 1; }
done
COLUMNA_ORT_LIB=${COLUMNA_ORT_LIB:-$(scripts/setup.sh --where)}
work=$(mktemp -d)
export COLUMNA_ORT_LIB COLUMNA_DB=$work/ux.db COLUMNA_STATE_FILE=$work/state.json LANG=en_US.UTF-8
export XDG_CONFIG_HOME=$work/config XDG_CACHE_HOME=$work/cache
app= xvfb=
cleanup() {
	for p in $app $xvfb; do kill "$p" 2>/dev/null || true; wait "$p" 2>/dev/null || true; done
	rm -rf "$work"
}
trap cleanup EXIT

fail() { echo "ux: FAILED: $*" >&2; jq -c 'del(.grades)' "$COLUMNA_STATE_FILE" >&2 || true; tail -5 "$work/log" >&2 || true; exit 1; }
state() { jq -r "$1" "$COLUMNA_STATE_FILE"; }
# until FILTER WHAT: waits up to 20 s for a jq filter to be true of the state
until_() {
	for _ in $(seq 200); do
		[ -f "$COLUMNA_STATE_FILE" ] && [ "$(jq "$1" "$COLUMNA_STATE_FILE" 2>/dev/null)" = true ] && { echo "ux: ok: $2"; return; }
		sleep 0.1
	done
	fail "$2 ($1)"
}
# at PANE DX DY: puts the pointer that far from the middle of a pane
at() {
	read -r x y w h < <(state ".panes[$1].box | join(\" \")")
	xdotool mousemove $((x + w / 2 + $2)) $((y + h / 2 + $3))
	sleep 0.15
}
# drag BUTTON DX DY: from where the pointer is, in steps
drag() {
	xdotool mousedown "$1"
	for _ in 1 2 3 4 5 6 7 8; do xdotool mousemove_relative -- $(($2 / 8)) $(($3 / 8)); sleep 0.02; done
	xdotool mouseup "$1"
	sleep 0.3
}
key() { xdotool key --delay 40 "$@"; sleep 0.3; }

echo "ux: a synthetic study"
"$bin" phantom --seed 7 --count 1 --out "$work/phantom" >/dev/null
"$bin" import "$work"/phantom/*/dicom >/dev/null
"$bin" analyze 1 >/dev/null 2>"$work/analyze.log" || echo "ux: without an AI result: $(tail -1 "$work/analyze.log")"

display=:$((90 + RANDOM % 400))
Xvfb $display -screen 0 1600x1000x24 >/dev/null 2>&1 & xvfb=$!
export DISPLAY=$display
for _ in $(seq 50); do xdotool getdisplaygeometry >/dev/null 2>&1 && break; sleep 0.1; done
open_window() {
	rm -f "$COLUMNA_STATE_FILE"
	"$bin" >"$work/log" 2>&1 & app=$!
	until_ '.screen == "room" and (.busy | not) and .panes[1].frames > 0' "the only case opens by itself"
	sleep 0.5
}
open_window

before=$(state .panes[1].slice)
at 1 0 0
xdotool click 5; xdotool click 5
until_ ".panes[1].slice == $before + 2" "the wheel turns two slices"
until_ ".panes[0].slice == .panes[1].slice" "the T1 follows the T2"
key Up; key Up
until_ ".panes[1].slice == $before" "the arrow keys turn back"

width=$(state '.panes[1].window[1] - .panes[1].window[0]')
at 1 -60 40
drag 1 80 0
until_ ".panes[1].window[1] - .panes[1].window[0] > $width * 1.05" "a left drag to the right widens the window"
key 0
until_ "(.panes[1].window[1] - .panes[1].window[0] - $width) | fabs < 1" "0 brings the auto window back"

at 1 0 0
drag 3 0 -80
until_ ".panes[1].zoom > 1.3 and .panes[0].zoom > 1.3" "a right drag zooms the linked panes"
pan=$(state .panes[1].pan[0])
drag 2 64 0
until_ ".panes[1].pan[0] < $pan - 5" "a middle drag pans"
key r
until_ '.panes[1].zoom == 1' "R shows whole slices"

at 1 10 -60
xdotool click 1
sleep 0.6
z=$(state .position_mm[2])
xdotool keydown shift
at 1 10 40
xdotool mousemove_relative 0 8; sleep 0.3
xdotool keyup shift
until_ ".position_mm[2] < $z - 20" "Shift and move track the point"

key b; key 3
until_ '.mode == "editing" and .label == "L3"' "B and 3 take the brush for L3"
l3=$(state '.voxels.L3 // 0')
at 1 -150 -60
drag 1 48 24
until_ "(.voxels.L3 // 0) > $l3 and .dirty" "the brush paints"
painted=$(state '.voxels.L3')
brush=$(state .brush_mm)
xdotool keydown shift; xdotool click 4; sleep 0.2; xdotool keyup shift
until_ ".brush_mm > $brush" "Shift and the wheel grow the brush"
key ctrl+z
until_ "(.voxels.L3 // 0) == $l3" "Ctrl+Z takes the stroke back"
key ctrl+y
until_ "(.voxels.L3 // 0) == $painted" "Ctrl+Y brings it again"
key Escape
until_ '.mode == "reading"' "Escape goes back to reading"
key g; key 3
until_ '[.grades[] | select(. == "severe")] | length == 1' "G and 3 grade the cell severe"
until_ '.reader_state == "in_review"' "the case is in review"
key Escape
if [ -n "$shot" ] && command -v import >/dev/null; then
	key h
	[ "$(state '.voxels | length > 5')" = true ] && until_ '.heat' "H shows the heat map"
	key Left; key Right
	key ctrl+z; sleep 1
	import -window root "$shot"
	key ctrl+y
fi
key ctrl+s
until_ '.dirty | not' "Ctrl+S saves"
until_ '.message | startswith("Saved as revision 1")' "and says so"
key ctrl+w
until_ '.screen == "worklist" and .cases == 1' "Ctrl+W goes to the worklist"
key Return
until_ ".screen == \"room\" and .voxels.L3 == $painted" "Enter opens the case with the correction"
until_ '[.grades[] | select(. == "severe")] | length == 1' "and with the grade"

key b; key 3; at 1 -150 60; drag 1 40 0
until_ ".voxels.L3 > $painted and .dirty" "another stroke, not saved"
unsaved=$(state .voxels.L3)
kill -9 "$app"; wait "$app" 2>/dev/null || true
"$bin" check >/dev/null || fail "the database is not clean after kill -9"
echo "ux: ok: killed; the database is clean"
open_window
until_ ".voxels.L3 == $unsaved and .dirty" "the stroke before the kill is back"
until_ '.message | contains("brought back")' "and the reader is told"
echo "ux: all passed"
