#!/usr/bin/env bash
# Checks that #include lines only go down the layers of docs/architecture.md. Prints every line that does not and exits 1.
#   scripts/check-layers.sh [ROOT]
set -euo pipefail
cd "${1:-$(dirname "$0")/..}"

{ find common master slave data-lake-client tests -type f \( -name '*.h' -o -name '*.cc' \) 2>/dev/null || true; } |
  sort | xargs -r grep -nE '^[[:space:]]*#[[:space:]]*include[[:space:]]*[<"]' /dev/null |
  awk '
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
      # Groups from bottom to top; folders of one group do not include each other, save for the pairs below.
      rank("base|io json async|net|config types|meta|record|duck|rpc", "common/")
      rank("log|index|parquet|snapshot|compaction|partition|query stream replication|handlers|server|app", "slave/")
      rank("catalog|sql|routing|control|execution|protocol|server|app", "master/")
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
          else if (level[other_folder] == level[folder] && !((folder, other_folder) in pair))
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
        if (program == "data-lake-client" && !is_header && (loader == "" || loader == file)) loader = file
        else complain("duckdb.h belongs to common/duck, and to one loader file of the client")
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
