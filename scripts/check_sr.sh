#!/bin/sh
# Holds exported DICOM objects (structured reports, key images, segmentations) against
# other tools: dciodvfy finds no error, dsrdump prints reports, pydicom reads them and
# Orthanc takes them over its REST interface.
#
#   scripts/check_sr.sh FILE.dcm...
#
# Debian: dicom3tools dcmtk python3-pydicom orthanc curl. PYTHON names a Python with pydicom.
set -eu
[ $# -gt 0 ] || { echo "usage: $0 FILE.dcm..." >&2; exit 2; }
python=${PYTHON:-/usr/bin/python3}
port=$("$python" -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
dir=$(mktemp -d)
cat >"$dir/orthanc.json" <<JSON
{"StorageDirectory": "$dir", "IndexDirectory": "$dir", "HttpPort": $port, "DicomServerEnabled": false,
 "AuthenticationEnabled": false, "RemoteAccessAllowed": false, "Plugins": []}
JSON
Orthanc "$dir/orthanc.json" >"$dir/log" 2>&1 &
orthanc=$!
trap 'kill $orthanc 2>/dev/null; wait $orthanc 2>/dev/null; rm -rf "$dir"' EXIT
for _ in $(seq 100); do
	curl -sf "http://127.0.0.1:$port/system" >/dev/null && break
	sleep 0.1
done

bad=0
for file; do
	dciodvfy "$file" >"$dir/verdict" 2>&1 || true
	errors=$(grep -c '^Error' "$dir/verdict" || true)
	warnings=$(grep '^Warning' "$dir/verdict" | sort | uniq -c || true)
	class=$(dcmdump -q +P 0008,0016 "$file" | sed 's/.*=//; s/ .*//')
	items="no report"
	case $class in
	*SR* | KeyObjectSelection*) items="$(dsrdump -q "$file" 2>/dev/null | grep -c '<') content items" ;;
	esac
	stored=$(curl -s -o "$dir/answer" -w '%{http_code}' --data-binary "@$file" "http://127.0.0.1:$port/instances")
	read=$("$python" - "$file" <<'PY'
import sys
import pydicom
d = pydicom.dcmread(sys.argv[1])
def count(d):
    return 1 + sum(count(c) for c in d.get("ContentSequence", []))
if "PixelData" in d:
    print("pixels", d.pixel_array.shape, d.pixel_array.dtype)
else:
    print(count(d), "items")
PY
	) || read=FAILED
	echo "$file: $class; dciodvfy $errors errors; dsrdump $items; pydicom $read; Orthanc $stored"
	[ -z "$warnings" ] || echo "$warnings"
	case "$errors/$stored/$read/$items" in
	0/200/FAILED/* | */"0 content items") bad=1 ;;
	0/200/*) ;;
	*) grep '^Error' "$dir/verdict" || true; bad=1 ;;
	esac
done
exit $bad
