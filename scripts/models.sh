#!/usr/bin/env bash
# Trains the default models, one after the other, and puts them into models/onnx.
# Each run resumes where it stopped. SPIDER (CC BY 4.0) in the folder SPIDER joins
# the phantoms in teaching GF-SSNet, and in fitting the offsets of its classes.
set -euo pipefail
columna=$1
COLUMNA_ORT_LIB=$("$(dirname "$0")/setup.sh" --where)
export COLUMNA_ORT_LIB
# train NET RUN [OPTION...] leaves the best model in runs/RUN/best.
train() {
	local net=$1 run=$2
	shift 2
	"$columna" train "$net" --dir "runs/$run" --threads 1 "$@"
}
fine=(--preset fine ${SPIDER:+--spider "$SPIDER"} --ema 0.999)
train gfssnet gfssnet-crops "${fine[@]}" --samples 400 --steps 9000
train gfssnet gfssnet-whole "${fine[@]}" --from runs/gfssnet-crops/best/gfssnet.onnx \
	--samples 600 --steps 9800 --mix 0.5 --lr 1.2e-3 # whole slices, which show every level
train gfssnet gfssnet "${fine[@]}" --from runs/gfssnet-whole/best/gfssnet.onnx \
	--samples 600 --steps 4200 --mix 0.5 --lr 1e-3 --seed 5
"$columna" model calibrate gfssnet --dir runs/gfssnet/best ${SPIDER:+--spider "$SPIDER"}
train stenosisnet stenosisnet-first --samples 500 --steps 9000 --ema 0.998
train stenosisnet stenosisnet --from runs/stenosisnet-first/best/stenosisnet.onnx \
	--samples 500 --steps 6000 --lr 5e-4 --ema 0.998 --seed 7
"$columna" model calibrate stenosisnet --dir runs/stenosisnet/best
train desamba desamba-first --samples 400 --steps 1600 --ema 0.995
train desamba desamba --from runs/desamba-first/best/desamba.onnx --samples 400 --steps 1600 --lr 3e-4 --ema 0.995
for net in gfssnet stenosisnet desamba; do
	cp "runs/$net/best/$net".* models/onnx/
done
