#!/usr/bin/env bash
# Opens the reading room on a demo study; without a display draws it instead.
set -euo pipefail
COLUMNA_ORT_LIB=$("$(dirname "$0")/setup.sh" --where)
export COLUMNA_ORT_LIB
if [ -n "${DISPLAY:-}${WAYLAND_DISPLAY:-}" ]; then
	exec "$1" demo
fi
exec "$1" demo --out demo-out
