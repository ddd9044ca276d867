#!/usr/bin/env bash
# Checks that the pages tell of what exists: every source path named in docs/flows/*.md, and every relative link in
# README.md, CONTRIBUTING.md and docs/. Prints what does not and exits 1.
set -euo pipefail
cd "$(dirname "$0")/.."
bad=0
complain() { echo "$1"; bad=1; }

# Flow pages: paths like `master/execution/query.cc`, or without ending for a .h/.cc pair.
for page in docs/flows/*.md; do
  [[ -f $page ]] || continue
  while IFS= read -r path; do
    [[ -e $path || -e $path.h || -e $path.cc ]] || complain "$page: $path does not exist"
  done < <(grep -oE '`(common|master|slave|data-lake-client)/[A-Za-z0-9_./-]+`' "$page" | tr -d '`' | sort -u)
done

# Links: [text](target), not to the web, not to an anchor of the same page.
while IFS= read -r page; do
  while IFS= read -r target; do
    target=${target%%#*}
    [[ -z $target || $target =~ ^[a-z]+: ]] && continue
    [[ -e $(dirname "$page")/$target ]] || complain "$page: link to $target, which does not exist"
  done < <(grep -oE '\]\([^) ]+\)' "$page" | sed 's/^](//; s/)$//')
done < <(find README.md CONTRIBUTING.md CHANGELOG.md docs config tests master slave common data-lake-client scripts -name '*.md' 2>/dev/null)

((bad == 0)) || { echo "check-docs: the pages above name what does not exist" >&2; exit 1; }
