# Shared by the scripts beside it; sourced, never run.
repo=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
me=$(basename "$0" .sh)
deps_dir=${DL_DEPS_DIR:-/opt/datalakedb-deps}
export CCACHE_BASEDIR=${CCACHE_BASEDIR:-$repo} CCACHE_NOHASHDIR=${CCACHE_NOHASHDIR:-1}

say() { printf '%s: %s\n' "$me" "$*" >&2; }
fail() { say "$*"; exit 1; }

# build PRESET [TARGET...]: configures (quietly) and builds.
build() {
  local preset=$1 folder=$repo/build/$1 log
  shift
  [[ $preset == release ]] && folder=$repo/build
  mkdir -p "$folder"
  log=$folder/configure.out
  (cd "$repo" && cmake --preset "$preset" >"$log" 2>&1) || { tail -30 "$log" >&2; fail "cmake --preset $preset failed (above; all of it in $log)"; }
  ninja -C "$folder" -j "${DL_JOBS:-$(nproc)}" "$@"
}
