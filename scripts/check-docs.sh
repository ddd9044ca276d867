#!/usr/bin/env bash
# Checks that pages and comments tell of what exists, and prints what does not:
#   - links in pages, but those to the web
#   - paths in `backticks` in pages that begin in a folder of ours; of a .h/.cc pair the ending may be left out
#   - `file_names` in backticks in pages, and file names in the comments of sources and scripts
#   - what the first column of tables headed "folder" or "script" names: from the top, or beside the page; `common/a, b` names
#     common/a and common/b
#   - folders: the table of docs/architecture.md names each module, the README of a program each of its folders
# CHANGELOG.md tells of what was, and is left out.
set -euo pipefail
cd "$(dirname "$0")/.."
bad=0
complain() { echo "$1"; bad=1; }

mapfile -t files < <(git ls-files --cached --others --exclude-standard | sort -u)
declare -A known=()  # every file, every folder, and each end of a file's path as end:types/schema.h
for file in "${files[@]}"; do
  [[ -e $file ]] || continue
  known[$file]=1
  end=$file
  known[end:$end]=1
  while [[ $end == */* ]]; do
    end=${end#*/}
    known[end:$end]=1
  done
  while [[ $file == */* ]]; do
    file=${file%/*}
    [[ -z ${known[$file]-} ]] || break
    known[$file]=1
  done
done
exists() { [[ -n ${known[${1%/}]-} || -n ${known[$1.h]-} || -n ${known[$1.cc]-} ]]; }
# PATTERN FILE...: "file<TAB>match", each once.
matches() { grep -oHE "$@" 2>/dev/null | sed 's/:/\t/' | sort -u || true; }

mapfile -t pages < <(printf '%s\n' "${files[@]}" | grep '\.md$' | grep -v '^CHANGELOG.md$')
library_headers='duckdb.h'
tops='common|master|slave|data-lake-client|tests|docs|scripts|config|packaging|cmake'

while IFS=$'\t' read -r page target; do
  target=${target#](} target=${target%)} target=${target%%#*}
  [[ -z $target || $target =~ ^[a-z]+: ]] && continue
  [[ -e $(dirname "$page")/$target ]] || complain "$page: link to $target, which does not exist"
done < <(matches '\]\([^) ]+\)' "${pages[@]}")

# A name with a placeholder (<, *, {) or an option behind a blank is none; programs stand in build folders under their name.
while IFS=$'\t' read -r page path; do
  path=${path//\`/}
  exists "$path" || complain "$page: $path does not exist"
done < <(matches "\`($tops)/[A-Za-z0-9_./-]+\`" "${pages[@]}")

while IFS=$'\t' read -r page name; do
  name=${name//\`/}
  [[ -n ${known[end:$name]-} || " $library_headers " == *" $name "* ]] || complain "$page: there is no file $name"
done < <(matches '`[A-Za-z0-9_-]+\.(h|cc|md|sh)`' "${pages[@]}")

# Comments: from // or # on. Headers of libraries are named with their folder or in <>.
mapfile -t sources < <(printf '%s\n' "${files[@]}" | grep -E '\.(h|cc|sh)$|(^|/)CMakeLists\.txt$|\.cmake$')
while IFS=$'\t' read -r source path; do
  path=${path#./}
  [[ " $library_headers " != *" ${path##*/} "* ]] || continue
  [[ -n ${known[end:$path]-} ]] || complain "$source: a comment names $path, which does not exist"
done < <(grep -HE '(//|^[[:space:]]*#)' "${sources[@]}" | grep -vE '^[^:]+:[[:space:]]*#[[:space:]]*(include|!)' |
  awk '{
    file = $0; sub(/:.*/, "", file)
    text = substr($0, length(file) + 2)
    begin = file ~ /\.(h|cc)$/ ? index(text, "//") : index(text, "#")
    if (begin == 0) next
    text = substr(text, begin)
    while (match(text, /[A-Za-z0-9_\/.-]*[A-Za-z0-9_-]\.(h|cc|md|sh)([^A-Za-z0-9_.\/-]|\.?$|\.[ )])/)) {
      name = substr(text, RSTART, RLENGTH)
      text = substr(text, RSTART + RLENGTH)
      sub(/[^A-Za-z]*$/, "", name)
      if (name !~ /^[\/_]/) print file "\t" name
    }
  }' | sort -u)

# Tables: the first column, where its head says so.
while IFS=$'\t' read -r page name; do
  exists "$name" || exists "$(dirname "$page")/$name" || complain "$page: a table names $name, which does not exist"
done < <(awk -F'|' '
  FNR == 1 { table = "" }
  !/^\|/ { table = ""; next }
  {
    cell = $2; gsub(/^ +| +$|`/, "", cell)
    if (table == "") { table = cell; next }
    if (cell ~ /^-+$/ || table !~ /^(folder|script)s?$/) next
    n = split(cell, names, /, */)
    for (i = 1; i <= n; i++) {
      name = names[i]
      sub(/^\[/, "", name); sub(/\].*/, "", name)
      if (i == 1) { parent = name; if (!sub(/[^\/]*$/, "", parent)) parent = "" }
      else if (name !~ /\//) name = parent name
      print FILENAME "\t" name
    }
  }' "${pages[@]}")

# The map names every module, and the READMEs of its programs do.
mapped=$(awk -F'|' '/^\| *(common|master|slave)\// {
  n = split($2, names, /, */)
  for (i = 1; i <= n; i++) {
    name = names[i]; gsub(/ /, "", name)
    if (name ~ /\//) { parent = name; sub(/[^\/]*$/, "", parent) } else name = parent name
    print name
  }
}' docs/architecture.md)
for folder in common/*/ master/*/ slave/*/; do
  folder=${folder%/}
  [[ -n ${known[$folder]-} ]] || continue
  grep -qxF "$folder" <<<"$mapped" || grep -qE "^$folder/" <<<"$mapped" || complain "docs/architecture.md: the table of modules lacks $folder"
  grep -qwF -- "${folder#*/}" "${folder%/*}/README.md" || complain "${folder%/*}/README.md: does not name its folder ${folder#*/}"
done

((bad == 0)) || { echo "check-docs: the pages and comments above name what does not exist, or lack what does" >&2; exit 1; }
