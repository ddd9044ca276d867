#!/usr/bin/env bash
# Checks that #include lines only go down the layers of docs/architecture.md. Prints every line that does not and exits 1.
#   scripts/check-layers.sh [ROOT]
#   scripts/check-layers.sh --show     prints what each folder may include
set -euo pipefail

# Groups from bottom to top: a folder includes the groups below its own, and no folder of its own group.
common_layers='allocator|base|io json async|net process|config types|meta|record|duck|worker|rpc'
slave_layers='log|index|parquet|snapshot|compaction|partition|replication query stream|handlers|server|app'
master_layers='catalog|sql|routing|control|execution|protocol|server|app'

if [[ ${1-} == --show ]]; then
  show() {
    local program=$1 below=$2 group folder groups
    IFS='|' read -ra groups <<<"$3"
    for group in "${groups[@]}"; do
      for folder in $group; do printf '%-22s %s\n' "$program/$folder" "${below:-nothing of ours}"; done
      below+="${below:+ }$group"
    done
  }
  echo "folder                 may include"
  show common '' "$common_layers"
  show slave 'common' "$slave_layers"
  show master 'common' "$master_layers"
  cat <<'END'

common knows no program; master, slave and data-lake-client never include each other; nothing includes tests.
tests outside tests/unit, sim, fuzz and bench include neither master nor slave.
slave/log to slave/partition: no common/net, common/rpc, Asio. data-lake-client/include: the standard library only.
duckdb.h: common/duck and parquet_* of the loader. nlohmann/json.hpp: sources of codecs and handlers, *_codec.h, *_ast.h.
END
  exit 0
fi
cd "${1:-$(dirname "$0")/..}"

# Lists and folders name each other.
for program in common slave master; do
  layers=${program}_layers
  [[ -d $program ]] || continue
  for folder in ${!layers//|/ }; do
    [[ -d $program/$folder ]] || { echo "scripts/check-layers.sh: $program/$folder does not exist"; exit 1; }
  done
done

{ find common master slave data-lake-client tests -type f \( -name '*.h' -o -name '*.cc' \) 2>/dev/null || true; } |
  sort | xargs -r grep -nE '^[[:space:]]*#[[:space:]]*include[[:space:]]*[<"]' /dev/null |
  awk -v common_layers="$common_layers" -v slave_layers="$slave_layers" -v master_layers="$master_layers" '
    function rank(names, prefix,    n, groups, i, m, members, j, name) {
      n = split(names, groups, "|")
      for (i = 1; i <= n; i++) {
        m = split(groups[i], members, " ")
        for (j = 1; j <= m; j++) {
          name = members[j]
          level[prefix name] = i
        }
      }
    }
    BEGIN {
      rank(common_layers, "common/")
      rank(slave_layers, "slave/")
      rank(master_layers, "master/")
    }
    function complain(why) { printf "%s:%s: includes %s: %s\n", file, line_no, target, why; bad++ }
    function folder_of(path,    parts) { split(path, parts, "/"); return parts[1] "/" parts[2] }
    function program_of(path,    parts) { split(path, parts, "/"); return parts[1] }
    {
      file = $0; sub(/:.*/, "", file)
      rest = substr($0, length(file) + 2)
      line_no = rest; sub(/:.*/, "", line_no)
      target = rest; sub(/^[^<"]*[<"]/, "", target); sub(/[>"].*/, "", target)
      program = program_of(file); folder = folder_of(file); is_header = file ~ /\.h$/

      if (target ~ /^(common|master|slave|data-lake-client|tests)\//) {
        other = program_of(target); other_folder = folder_of(target)
        if (program == "common" && other != "common") complain("common is a library and knows no program")
        else if (program ~ /^(master|slave|data-lake-client)$/ && other ~ /^(master|slave|data-lake-client)$/ && other != program)
          complain("master, slave and client never include each other")
        else if (program != "tests" && other == "tests") complain("the product never includes tests")
        else if (program == "tests" && file !~ /^tests\/(unit|sim|fuzz|bench)\// && other ~ /^(master|slave)$/)
          complain("tests outside tests/unit speak to the programs over TCP only")
        else if (folder != other_folder && program == other && (program ~ /^(common|master|slave)$/)) {
          if (!(folder in level)) complain("folder " folder " has no place in scripts/check-layers.sh")
          else if (!(other_folder in level)) complain("folder " other_folder " has no place in scripts/check-layers.sh")
          else if (level[other_folder] > level[folder]) complain(other_folder " is a layer above " folder)
          else if (level[other_folder] == level[folder])
            complain(folder " and " other_folder " stand side by side")
        }
        if (folder ~ /^slave\/(log|index|parquet|snapshot|compaction|partition)$/ && target ~ /^common\/(net|rpc)\//)
          complain("storage knows no network")
      }
      if (folder ~ /^slave\/(log|index|parquet|snapshot|compaction|partition)$/ && target ~ /^boost\/(asio|beast)/)
        complain("storage knows no network")
      if (file ~ /^data-lake-client\/include\// && target !~ /^datalake\// && target ~ /[\/.]/)
        complain("the public headers use the standard library only")
      if (target ~ /(^|\/)duckdb\.(h|hpp)$/ && folder != "common/duck" && program != "tests") {
        if (file !~ /^data-lake-client\/cli\/load\/parquet_[a-z]+\.(cc|h)$/)
          complain("duckdb.h belongs to common/duck, and to the files of the client that load Parquet")
      }
      if (target == "nlohmann/json.hpp" && program != "tests") {
        if (is_header && file !~ /_(ast|codec)\.h$/)
          complain("nlohmann/json is heavy: in sources, *_codec.h and *_ast.h only (others take nlohmann/json_fwd.hpp)")
        else if (folder ~ /^(common\/(base|io|types|async|net|record)|slave\/(log|index|compaction|partition|query|stream))$/)
          complain("nlohmann/json is for codecs, handlers and http, not for " folder)
      }
    }
    END {
      if (bad) { printf "check-layers: %d lines break the layers of docs/architecture.md\n", bad; exit 1 }
    }'
