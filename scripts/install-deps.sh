#!/usr/bin/env bash
# Installs what building DataLakeDB needs on Debian 12: Debian packages through apt, DuckDB's library through Maven,
# its header through cargo, the example data through npm. Does only what is missing and says nothing when nothing is.
#
#   scripts/install-deps.sh          everything to build, test and run the quick start
#   scripts/install-deps.sh --all    also what the fuzz, fault-injection and Java interop tests use
#
# DL_DEPS_DIR (default /opt/datalakedb-deps) is where the files go that are no Debian packages:
#   duckdb-2.0.0/{lib/libduckdb_java.so_linux_amd64,include/duckdb.h}   vega-datasets-3.2.1/flights-3m.parquet
# Registries and mirrors are the ones apt, mvn, cargo and npm are configured for. mvn, cargo and npm come from Debian
# where the machine has none, and are asked only for a file that is missing.
set -euo pipefail

deps_dir=${DL_DEPS_DIR:-/opt/datalakedb-deps}

packages=(
  g++ cmake ninja-build ccache mold pkg-config ca-certificates clang-format
  libboost1.81-dev nlohmann-json3-dev libsimdjson-dev libspdlog-dev libfmt-dev libcli11-dev
  libsnappy-dev liblz4-dev libzstd-dev zlib1g-dev libxxhash-dev libisal-dev libroaring-dev libedit-dev libutf8proc-dev libsqlite3-dev libjemalloc-dev libseccomp-dev
  libgtest-dev libgmock-dev libbenchmark-dev
)
extra_packages=(clang libclang-rt-14-dev strace fiu-utils iproute2 nftables default-jdk-headless maven)
duckdb_library=duckdb-2.0.0/lib/libduckdb_java.so_linux_amd64
duckdb_library_sha256=001983f177ea4e6e4e19a58e77417411d0c2924d0cbbd01f3e901a9f3d2f37c7
duckdb_header=duckdb-2.0.0/include/duckdb.h
duckdb_header_sha256=8dbc9c71a10f0a75fcacc1a3f4f7c76093a84d232fc152222ee5b6e512ab4560
example=vega-datasets-3.2.1/flights-3m.parquet
example_sha256=dbeb920c90f59b6ccaff823dcc3d08f25a97fa1ce128d93f40be4e931f5900b0

say() { printf 'install-deps: %s\n' "$*" >&2; }
fail() { say "$*"; exit 1; }

case "${1:-}" in
  '') ;;
  --all) packages+=("${extra_packages[@]}") ;;
  -h | --help) sed -n '2,11p' "$0" | sed 's/^# \{0,1\}//'; exit 0 ;;
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
  # Any mvn and npm will do. The cargo of Debian 12 is too old for today's index; cargo-web is its newer one.
  is_here "$duckdb_library" "$duckdb_library_sha256" || command -v mvn >/dev/null || packages+=(maven)
  is_here "$duckdb_header" "$duckdb_header_sha256" || command -v cargo >/dev/null || packages+=(cargo-web)
  is_here "$example" "$example_sha256" || command -v npm >/dev/null || packages+=(nodejs npm)
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

has_sha256() { [[ -f $1 ]] && sha256sum "$1" | grep -q "^$2 "; }
is_here() { has_sha256 "$deps_dir/$1" "$2"; }

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# begin_fetch CLIENT PACKAGE FILE: an empty $work for a package that holds a missing file.
begin_fetch() {
  mkdir -p "$(dirname "$deps_dir/$3")" 2>/dev/null && [[ -w $(dirname "$deps_dir/$3") ]] ||
    fail "cannot write $(dirname "$deps_dir/$3"); run as root, or set DL_DEPS_DIR to a folder of yours (and keep it set when building)"
  command -v "$1" >/dev/null || fail "$1 is not on the PATH; it brings ${3##*/}"
  rm -rf "${work:?}"/*
  say "fetching $2 for ${3##*/}"
}

could_not_fetch() { fail "$1 could not fetch $2: $(tail -3 "$work/error" | tr '\n' ' ')"; }

# check_package PACKAGE FILE SHA256
check_package() {
  has_sha256 "$2" "$3" ||
    fail "$1 is not the pinned one (sha256 $(sha256sum "$2" | cut -d' ' -f1), expected $3); nothing was installed from it"
}

# keep FILE SHA256 TARGET
keep() {
  has_sha256 "$1" "$2" || fail "${3##*/} is not the pinned file; nothing was installed from it"
  install -m 644 "$1" "$deps_dir/$3.part"
  mv "$deps_dir/$3.part" "$deps_dir/$3"
}

# As a build extension an artifact is fetched by Maven itself, without any of its plugins, and nothing of it is run.
fetch_duckdb_library() {
  local member=${duckdb_library##*/} jar=$work/m2/org/duckdb/duckdb_jdbc/2.0.0.1/duckdb_jdbc-2.0.0.1.jar
  begin_fetch mvn org.duckdb:duckdb_jdbc:2.0.0.1 "$duckdb_library"
  cat >"$work/pom.xml" <<'END'
<project>
  <modelVersion>4.0.0</modelVersion>
  <groupId>datalakedb</groupId><artifactId>dependencies</artifactId><version>1</version><packaging>pom</packaging>
  <build><extensions><extension>
    <groupId>org.duckdb</groupId><artifactId>duckdb_jdbc</artifactId><version>2.0.0.1</version>
  </extension></extensions></build>
</project>
END
  mvn -q -B -f "$work/pom.xml" -Dmaven.repo.local="$work/m2" validate >"$work/error" 2>&1 && [[ -f $jar ]] ||
    could_not_fetch mvn org.duckdb:duckdb_jdbc:2.0.0.1
  check_package org.duckdb:duckdb_jdbc:2.0.0.1 "$jar" 6cb8b0e0fc51b2e45aead2d2c1e1fd09dd10267db2966e69aaab0de67319f826
  (cd "$work" && cmake -E tar xf "$jar" "$member")
  keep "$work/$member" "$duckdb_library_sha256" "$duckdb_library"
}

# Fetched with what it depends on, and not built.
fetch_duckdb_header() {
  begin_fetch cargo libduckdb-sys@1.20000.1 "$duckdb_header"
  mkdir -p "$work/src"
  touch "$work/src/lib.rs"
  cat >"$work/Cargo.toml" <<'END'
[package]
name = "dependencies"
version = "0.0.0"
edition = "2021"

[dependencies]
libduckdb-sys = { version = "=1.20000.1", default-features = false }
END
  local crate
  (cd "$work" && cargo fetch -q) >"$work/error" 2>&1 || could_not_fetch cargo libduckdb-sys@1.20000.1
  crate=$(find "${CARGO_HOME:-$HOME/.cargo}/registry/cache" -name libduckdb-sys-1.20000.1.crate 2>/dev/null | head -1)
  [[ -n $crate ]] || fail "cargo keeps no libduckdb-sys-1.20000.1.crate below ${CARGO_HOME:-$HOME/.cargo}/registry/cache"
  check_package libduckdb-sys@1.20000.1 "$crate" 0140448c472968ee5cf5ba697435deebe558b366ef1e5c080d24d9696b600725
  tar -xzf "$crate" -C "$work" libduckdb-sys-1.20000.1/duckdb.tar.gz
  tar -xzf "$work/libduckdb-sys-1.20000.1/duckdb.tar.gz" -C "$work" duckdb/src/include/duckdb.h
  keep "$work/duckdb/src/include/duckdb.h" "$duckdb_header_sha256" "$duckdb_header"
}

fetch_example() {
  begin_fetch npm vega-datasets@3.2.1 "$example"
  local tarball
  tarball=$(cd "$work" && npm pack --silent vega-datasets@3.2.1 2>"$work/error") || could_not_fetch npm vega-datasets@3.2.1
  tarball=$work/${tarball##*$'\n'}
  check_package vega-datasets@3.2.1 "$tarball" 6f72fda460a9863fae5fcb32f85bcd49e1761fdea6dc6cf9f4962472881cc5a3
  tar -xzf "$tarball" -C "$work" package/data/flights-3m.parquet
  keep "$work/package/data/flights-3m.parquet" "$example_sha256" "$example"
}

install_debian_packages
is_here "$duckdb_library" "$duckdb_library_sha256" || fetch_duckdb_library
is_here "$duckdb_header" "$duckdb_header_sha256" || fetch_duckdb_header
is_here "$example" "$example_sha256" || fetch_example
