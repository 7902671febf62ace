#!/usr/bin/env bash
# Installs what Columna needs and is missing: Debian packages to build with, the
# ONNX Runtime library and the decoders of compressed DICOM images. `--where`
# prints the library's path and nothing else.
set -euo pipefail

version=1.30.0
tarball_sha256=6e3390d6b783e7be946fad629292799da28d0b42f84856e50d2c1b0383291e75
codecs_version=0.0.8
codecs_sha256=43792647321fa65885a1fe7b2e94421dacce2b0d0c0e743839e8ab77538d35c1
cache="${XDG_CACHE_HOME:-$HOME/.cache}/columna/onnxruntime"
codecs="${XDG_CACHE_HOME:-$HOME/.cache}/columna/codecs/dcmjs-native-codecs.wasm"

say() { printf 'setup: %s\n' "$*" >&2; }
die() { say "$*"; exit 1; }

find_library() {
	if [ -n "${COLUMNA_ORT_LIB:-}" ]; then
		[ -r "$COLUMNA_ORT_LIB" ] || die "COLUMNA_ORT_LIB names $COLUMNA_ORT_LIB, which cannot be read: correct or unset it"
		echo "$COLUMNA_ORT_LIB"
		return
	fi
	local file
	for file in /usr/lib/*-linux-gnu/libonnxruntime.so* /usr/lib/libonnxruntime.so* /usr/local/lib/libonnxruntime.so* "$cache"/libonnxruntime.so; do
		if [ -r "$file" ]; then
			echo "$file"
			return
		fi
	done
}

install_packages() {
	local missing=("$@") root=()
	command -v apt-get >/dev/null || die "please install the equivalents of these Debian packages, then run again: ${missing[*]}"
	if [ "$(id -u)" -ne 0 ]; then
		command -v sudo >/dev/null || die "not root and no sudo: as root, run apt-get install ${missing[*]}"
		root=(sudo)
	fi
	say "installing ${missing[*]}"
	"${root[@]}" apt-get update -qq || die "apt-get update failed: check the network, then run again"
	"${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null ||
		die "apt-get could not install ${missing[*]}"
}

# Fyne links OpenGL and X11; SQLite and ONNX Runtime need a C compiler.
build_packages() {
	local missing=() header package
	command -v cc >/dev/null || missing+=(gcc libc6-dev)
	command -v pkg-config >/dev/null || missing+=(pkg-config)
	while read -r header package; do
		[ -e "/usr/include/$header" ] || missing+=("$package")
	done <<-LIST
		GL/gl.h libgl1-mesa-dev
		X11/Xlib.h libx11-dev
		X11/Xcursor/Xcursor.h libxcursor-dev
		X11/extensions/Xrandr.h libxrandr-dev
		X11/extensions/Xinerama.h libxinerama-dev
		X11/extensions/XInput2.h libxi-dev
		X11/extensions/xf86vmode.h libxxf86vm-dev
	LIST
	[ ${#missing[@]} -eq 0 ] || install_packages "${missing[@]}"
}

# fetch_file PACKAGE VERSION SHA256 MEMBER FILE puts one file of an npm package in
# place, whole or not at all: the hash is checked first, and the move is atomic on
# one file system.
fetch_file() (
	package=$1@$2
	command -v npm >/dev/null || install_packages npm
	work=$(mktemp -d)
	trap 'rm -rf "$work"' EXIT
	say "fetching $package"
	(cd "$work" && npm pack --silent "$package" >/dev/null 2>&1) || die "npm pack $package failed: check the network, then run again"
	echo "$3  $work/$1-$2.tgz" | sha256sum --check --status ||
		die "the package $package does not have the expected hash: not installed"
	tar -xzf "$work/$1-$2.tgz" -C "$work" "package/$4"
	mkdir -p "$(dirname "$5")"
	cp "$work/package/$4" "$5.new.$$"
	mv "$5.new.$$" "$5"
)

fetch_library() {
	local arch
	case "$(uname -m)" in
	x86_64) arch=x64 ;;
	aarch64) arch=arm64 ;;
	*) die "no ONNX Runtime for $(uname -m) in onnxruntime-node: install the library and set COLUMNA_ORT_LIB" ;;
	esac
	fetch_file onnxruntime-node "$version" "$tarball_sha256" "bin/napi-v6/linux/$arch/libonnxruntime.so.1" "$cache/libonnxruntime.so"
}

# A file named in COLUMNA_CODECS_WASM is the user's own.
need_codecs() {
	if [ -n "${COLUMNA_CODECS_WASM:-}" ]; then
		[ -r "$COLUMNA_CODECS_WASM" ] || die "COLUMNA_CODECS_WASM names $COLUMNA_CODECS_WASM, which cannot be read: correct or unset it"
		return
	fi
	[ -r "$codecs" ] || fetch_file dcmjs-codecs "$codecs_version" "$codecs_sha256" build/dcmjs-native-codecs.wasm "$codecs"
}

# Debian would start the archive as a service, on every network: its policy layer
# is told not to for as long as the installation takes.
install_orthanc() {
	[ -x /usr/sbin/Orthanc ] && [ -e /usr/share/orthanc/plugins/libOrthancDicomWeb.so ] && return
	local policy=/usr/sbin/policy-rc.d made=
	if [ "$(id -u)" -eq 0 ] && [ ! -e "$policy" ]; then
		printf '#!/bin/sh\nexit 101\n' >"$policy"
		chmod +x "$policy"
		made=1
	fi
	install_packages orthanc orthanc-dicomweb
	[ -z "$made" ] || rm -f "$policy"
}

case "${1:-}" in
--where)
	find_library
	exit
	;;
--orthanc)
	install_orthanc
	exit
	;;
esac
command -v go >/dev/null || die "Go is missing: install Go 1.26 or later, then run again"
build_packages
[ -n "$(find_library)" ] || fetch_library
need_codecs
say "ready: ONNX Runtime at $(find_library)"
