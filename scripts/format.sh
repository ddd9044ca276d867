#!/usr/bin/env bash
# clang-format over the C++ sources.
#   scripts/format.sh [FILE...]          rewrites them
#   scripts/format.sh --check [FILE...]  changes nothing; names what is not formatted and exits 1
set -euo pipefail
cd "$(dirname "$0")/.."
mode=(-i)
if [[ ${1:-} == --check ]]; then
  mode=(--dry-run -Werror)
  shift
fi
command -v clang-format >/dev/null || { echo "format: clang-format is missing; run scripts/install-deps.sh" >&2; exit 1; }
if (($#)); then
  printf '%s\0' "$@"
else
  find common master slave data-lake-client tests -type f \( -name '*.h' -o -name '*.cc' \) -print0
fi | xargs -0 -r -P 2 -n 20 clang-format --style=file "${mode[@]}"
