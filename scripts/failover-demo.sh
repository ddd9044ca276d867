#!/usr/bin/env bash
# Shows what clients notice when slaves die: three copies on three slaves, a writer of single rows, a reader by offset and
# one of queries, while slaves are killed with kill -9 in turn and started again. Prints each one's longest pause, errors,
# and what is missing at the end (nothing).
#
#   scripts/failover-demo.sh              three kills, about 40 seconds, with the release build
#   scripts/failover-demo.sh --times N    N kills
#   scripts/failover-demo.sh --stop       slaves are stopped in good order instead
#   scripts/failover-demo.sh --build DIR  installs and builds nothing: takes the programs of a build folder
set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$(dirname "$0")/lib.sh"

build_dir=$repo/build built=no arguments=() times=3
while (($#)); do
  case $1 in
    --times) times=${2:?--times needs a number}; shift ;;
    --stop) arguments+=(--stop) ;;
    --build) build_dir=${2:?--build needs a folder} built=yes; shift ;;
    -h | --help) sed -n '2,9p' "$0" | sed 's/^# \{0,1\}//'; exit 0 ;;
    *) fail "unknown option '$1'; scripts/failover-demo.sh --help lists them" ;;
  esac
  shift
done
if [[ $built == no ]]; then
  "$repo/scripts/install-deps.sh"
  build release master slave failover_bench
fi
exec "$build_dir/tests/bench/failover_bench" --times "$times" "${arguments[@]}"
