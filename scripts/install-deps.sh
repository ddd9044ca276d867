#!/usr/bin/env bash
# Installs what building DataLakeDB needs on Debian 12: Debian packages through apt, DuckDB and the example data
# through npm. Does only what is missing and says nothing when nothing is.
#
#   scripts/install-deps.sh          everything to build, test and run the quick start
#   scripts/install-deps.sh --all    also what the fuzz, fault-injection and Java interop tests use
#
# DL_DEPS_DIR (default /opt/datalakedb-deps) is where the npm packages go:
#   duckdb-1.4.4/{lib/libduckdb.so,include/duckdb.h}   vega-datasets-3.2.1/flights-3m.parquet
# Registries and mirrors are the ones apt and npm are configured for.
set -euo pipefail

deps_dir=${DL_DEPS_DIR:-/opt/datalakedb-deps}

packages=(
  g++ cmake ninja-build ccache mold pkg-config ca-certificates clang-format
  libboost1.81-dev nlohmann-json3-dev libsimdjson-dev libspdlog-dev libfmt-dev libcli11-dev
  libsnappy-dev liblz4-dev libzstd-dev zlib1g-dev libxxhash-dev libisal-dev libroaring-dev libedit-dev libutf8proc-dev libsqlite3-dev libjemalloc-dev
  libgtest-dev libgmock-dev libbenchmark-dev
)
extra_packages=(clang libclang-rt-14-dev strace fiu-utils default-jdk-headless maven)

say() { printf 'install-deps: %s\n' "$*" >&2; }
fail() { say "$*"; exit 1; }

case "${1:-}" in
  '') ;;
  --all) packages+=("${extra_packages[@]}") ;;
  -h | --help) sed -n '2,10p' "$0" | sed 's/^# \{0,1\}//'; exit 0 ;;
  *) fail "unknown option '$1'; there is only --all" ;;
esac

is_installed() { [[ $(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null) == installed ]]; }

# A JDK or Maven from elsewhere is as good as Debian's.
is_provided() {
  case $1 in
    default-jdk-headless) command -v javac >/dev/null ;;
    maven) command -v mvn >/dev/null ;;
    clang) command -v clang++ >/dev/null ;;
    *) return 1 ;;
  esac
}

install_debian_packages() {
  command -v dpkg-query >/dev/null || fail "this script knows Debian 12 only (no dpkg-query here); docs/operating/building.md lists the libraries for other systems"
  # npm brings DuckDB; any npm will do.
  command -v npm >/dev/null || packages+=(nodejs npm)
  local missing=() package
  for package in "${packages[@]}"; do
    is_installed "$package" || is_provided "$package" || missing+=("$package")
  done
  ((${#missing[@]})) || return 0
  ((EUID == 0)) || fail "these packages are missing and installing them needs root: ${missing[*]}
install-deps: run 'sudo scripts/install-deps.sh', or install them yourself and run this again"
  if is_installed libboost1.74-dev && [[ " ${missing[*]} " == *" libboost1.81-dev "* ]]; then
    say "libboost1.81-dev conflicts with Debian's default libboost1.74-dev (libboost-dev): the 1.74 headers are removed"
    say "to return to them later: apt-get install libboost-dev (DataLakeDB then no longer builds: it needs 1.81)"
  fi
  say "installing ${#missing[@]} Debian packages: ${missing[*]}"
  export DEBIAN_FRONTEND=noninteractive
  local log
  log=$(mktemp)
  if ! { apt-get -qq update && apt-get -qq -y install --no-install-recommends "${missing[@]}"; } >"$log" 2>&1; then
    tail -20 "$log" >&2
    rm -f "$log"
    fail "apt-get failed (above); see that its sources are reachable and hold Debian 12 (bookworm)"
  fi
  rm -f "$log"
}

# sha512 of a file as npm writes it: base64 of the binary digest.
npm_integrity() { sha512sum "$1" | cut -c1-128 | tr a-f A-F | basenc --base16 -d | base64 -w0; }

has_sha256() { [[ -f $1 ]] && sha256sum "$1" | grep -q "^$2 "; }

# fetch_file PACKAGE TARBALL_SHA512 FILE_IN_PACKAGE FILE_SHA256 TARGET: nothing when TARGET is already right.
fetch_file() {
  local package=$1 integrity=$2 member=$3 sha256=$4 target=$5
  has_sha256 "$target" "$sha256" && return 0
  mkdir -p "$(dirname "$target")" 2>/dev/null && [[ -w $(dirname "$target") ]] ||
    fail "cannot write $(dirname "$target"); run as root, or set DL_DEPS_DIR to a folder of yours (and keep it set when building)"
  rm -rf "${work:?}"/*
  say "fetching $package for ${member##*/}"
  local tarball
  tarball=$(cd "$work" && npm pack --silent "$package" 2>"$work/error") ||
    fail "npm could not fetch $package: $(tail -3 "$work/error" | tr '\n' ' ')"
  tarball=$work/${tarball##*$'\n'}
  [[ $(npm_integrity "$tarball") == "$integrity" ]] ||
    fail "$package is not the pinned one: sha512-$(npm_integrity "$tarball"), expected sha512-$integrity; nothing was installed from it"
  tar -xzf "$tarball" -C "$work" "package/$member"
  has_sha256 "$work/package/$member" "$sha256" || fail "$member of $package is not the pinned file; nothing was installed from it"
  install -m 644 "$work/package/$member" "$target.part"
  mv "$target.part" "$target"
}

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
install_debian_packages
command -v npm >/dev/null || fail "npm is not on the PATH; it brings DuckDB"
fetch_file @duckdb/node-bindings-linux-x64@1.4.4-r.4 \
  jBTL/WvfwxLToFa/pVHfT6elMtltJGnc3wSuxZD9OfMltit9YUdVFS37vBFQzXMT1Z8OWjtSjMh+zPKxOwHLHA== \
  libduckdb.so 1ef33048e12235115ac0d277a0aaccbb560e33248144f488b5ac005cd9ba81b5 \
  "$deps_dir/duckdb-1.4.4/lib/libduckdb.so"
fetch_file duckdb@1.4.4 \
  hEJJ5hyVF0VLj3dmOLpsWrQR0b3d4Ykqtygm6iUXjHJDDnSqg/USKxcb5qvNrOhFYPgktayU6dXCtgPqcmmpog== \
  src/duckdb/src/include/duckdb.h cbe6a827284375c5a646b8f27dbd3a00808ce8738b5bbb49c190cb1e08540281 \
  "$deps_dir/duckdb-1.4.4/include/duckdb.h"
fetch_file vega-datasets@3.2.1 \
  lTSwZA6yq6qSU2YZm+6bqILiIvTPPxn4itir7jPGFmHIdPvUfQ9pCzzcrklYywMJgLUbaIeSkZQdiJd6wBxPug== \
  data/flights-3m.parquet dbeb920c90f59b6ccaff823dcc3d08f25a97fa1ce128d93f40be4e931f5900b0 \
  "$deps_dir/vega-datasets-3.2.1/flights-3m.parquet"
