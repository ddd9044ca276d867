#!/usr/bin/env bash
# Installs what is missing, builds with crash points, checks layers, format and docs, and runs the tests.
#
#   scripts/test.sh                    all but nightly and netchaos: unit, sim, integration, quick start, short crash tests
#   scripts/test.sh --label REGEX      only tests whose label matches (unit, sim, integration, crash, chaos, quickstart,
#                                      interop; nightly: every function of the engine; netchaos: minutes of cut networks)
#   scripts/test.sh --asan | --tsan    with AddressSanitizer + UBSan, or ThreadSanitizer
#   scripts/test.sh --no-deps          does not look for missing packages
#   scripts/test.sh ... -- ARG...      the rest goes to ctest, e.g. -- -R Wire --repeat until-fail:10
#
# Environment: DL_JOBS (build and test jobs, default: processors), DL_CRASH_SECONDS (how long the random crash
# test goes on, default 10), DL_JAVA_CLIENT_DIR (source tree of the Java client, for the interop test).
set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$(dirname "$0")/lib.sh"

preset=dev label='' deps=yes
while (($#)); do
  case $1 in
    --label) label=${2:?--label needs a regular expression}; shift ;;
    --asan) preset=asan ;;
    --tsan) preset=tsan ;;
    --no-deps) deps=no ;;
    --) shift; break ;;
    -h | --help) sed -n '2,12p' "$0" | sed 's/^# \{0,1\}//'; exit 0 ;;
    *) fail "unknown option '$1'; scripts/test.sh --help lists them" ;;
  esac
  shift
done

cd "$repo"
[[ $deps == no ]] || scripts/install-deps.sh
if [[ -z $label ]]; then
  scripts/check-layers.sh
  scripts/format.sh --check
  scripts/check-docs.sh
fi
build "$preset"

export ASAN_OPTIONS=${ASAN_OPTIONS:-detect_leaks=1:abort_on_error=1:allocator_may_return_null=1}
export UBSAN_OPTIONS=${UBSAN_OPTIONS:-print_stacktrace=1}
# The engine's library is not instrumented: its locks look as if some were never given back, and with 64 of them the
# detector of lock orders ends the process.
export TSAN_OPTIONS=${TSAN_OPTIONS:-suppressions=$repo/tests/support/tsan.supp:halt_on_error=1:detect_deadlocks=0}
export LSAN_OPTIONS=${LSAN_OPTIONS:-suppressions=$repo/tests/support/lsan.supp:print_suppressions=0}
# ctest leaves out what all of several exclusions match: one of the caller's takes the place of ours.
which=(--label-exclude '^(nightly|netchaos)$')
[[ " $* " != *' --label-exclude '* ]] || which=()
[[ -z $label ]] || which=(-L "$label")
ctest --test-dir "build/$preset" --output-on-failure --no-tests=error -j "${DL_JOBS:-$(nproc)}" "${which[@]}" "$@"
