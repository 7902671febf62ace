#!/usr/bin/env bash
# Trains the default models, one after the other, and puts them into models/onnx.
# Each run resumes where it stopped. SPIDER (CC BY 4.0) in the folder SPIDER joins
# the phantoms in teaching GF-SSNet.
set -euo pipefail
columna=$1
COLUMNA_ORT_LIB=$("$(dirname "$0")/setup.sh" --where)
export COLUMNA_ORT_LIB
train() {
	local net=$1
	shift
	"$columna" train "$net" --dir "runs/$net" ${SPIDER:+--spider "$SPIDER"} "$@"
	cp "runs/$net/best/$net".* models/onnx/
}
train gfssnet                       # on crops, then
train gfssnet --whole --steps 2900  # on the whole grid, where it will be used
train stenosisnet
train desamba
