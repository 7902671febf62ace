#!/bin/sh
# Times reading DICOM in Columna, in GDCM and DCMTK, and in pydicom in turn, several
# rounds, since what else runs on the machine slows all, and prints the best of each
# with the ratios: below 1 Columna is faster.
#
#   scripts/bench/dicom.sh [-r ROUNDS]
#
# The files, 500 slices of 320x320 and a study of three series of 20 slices of
# 512x512, each with a private block of 71 KB, are written by Columna to a
# temporary folder. Needs gdcmscanner, dcmdump and a PYTHON (python3) with pydicom.
set -eu
cd "$(dirname "$0")/../.."
rounds=9
while getopts r: flag; do
	case $flag in
	r) rounds=$OPTARG ;;
	*) exit 2 ;;
	esac
done
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
go build -o "$dir/dicom" scripts/bench/dicom.go
"$dir/dicom" make "$dir"
"${PYTHON:-python3}" scripts/bench/dicom_reference.py "$dir" "$rounds"
