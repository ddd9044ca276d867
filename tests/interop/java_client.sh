#!/usr/bin/env bash
# java_client.sh BUILD_DIR: see README.md here. Exit status 77: skipped.
set -euo pipefail
build_dir=$(cd "$1" && pwd)
here=$(cd "$(dirname "$0")" && pwd)
source_dir=${DL_JAVA_CLIENT_DIR:-}
rows=${DL_INTEROP_ROWS:-100000}

# shellcheck source=tests/interop/cluster.sh
source "$here/cluster.sh"
[[ -n $source_dir ]] || skip "DL_JAVA_CLIENT_DIR is not set to the source tree of the Java client"
[[ -d $source_dir/src/main/java ]] || { echo "$source_dir holds no src/main/java" >&2; exit 1; }
command -v javac >/dev/null || skip "no JDK (javac); scripts/install-deps.sh --all installs one"
command -v mvn >/dev/null || skip "no Maven (mvn); scripts/install-deps.sh --all installs it"

# gson and snappy-java in the versions the client's own pom.xml names, copied next to our classes.
mkdir -p "$work/lib" "$work/classes"
for artifact in org.xerial.snappy:snappy-java:1.1.10.7 com.google.code.gson:gson:2.13.1; do
  mvn -q -B org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy -Dartifact="$artifact" -DoutputDirectory="$work/lib" -Dmdep.useBaseVersion=true \
    >"$work/maven.log" 2>&1 || skip "Maven could not fetch $artifact: $(grep -m1 ERROR "$work/maven.log")"
done
find "$source_dir/src/main/java" -name '*.java' >"$work/sources"
javac -encoding UTF-8 -nowarn -cp "$work/lib/*" -d "$work/classes" @"$work/sources" "$here/InteropMain.java" 2>"$work/javac.log" ||
  { cat "$work/javac.log" >&2; exit 1; }

start_cluster

java -Xmx3g -cp "$work/classes:$work/lib/*" InteropMain 127.0.0.1 "$master_port" "$rows"
