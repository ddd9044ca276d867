#!/usr/bin/env bash
# java_client.sh BUILD_DIR: see README.md here. Exit status 77: skipped.
set -euo pipefail
build_dir=$(cd "$1" && pwd)
here=$(cd "$(dirname "$0")" && pwd)
source_dir=${DL_JAVA_CLIENT_DIR:-}
rows=${DL_INTEROP_ROWS:-100000}

skip() { echo "skipped: $1"; exit 77; }
[[ -n $source_dir ]] || skip "DL_JAVA_CLIENT_DIR is not set to the source tree of the Java client"
[[ -d $source_dir/src/main/java ]] || { echo "$source_dir holds no src/main/java" >&2; exit 1; }
command -v javac >/dev/null || skip "no JDK (javac); scripts/install-deps.sh --all installs one"
command -v mvn >/dev/null || skip "no Maven (mvn); scripts/install-deps.sh --all installs it"
for program in master slave; do
  [[ -x $build_dir/$program/$program ]] || { echo "$build_dir/$program/$program is not built" >&2; exit 1; }
done

work=$(mktemp -d)
pids=()
cleanup() {
  local status=$?
  for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done
  for pid in "${pids[@]}"; do wait "$pid" 2>/dev/null || true; done
  ((status == 0 || status == 77)) || { tail -n 30 "$work"/*.log 2>/dev/null || true; }
  rm -rf "$work"
}
trap cleanup EXIT

# gson and snappy-java in the versions the client's own pom.xml names, copied next to our classes.
mkdir -p "$work/lib" "$work/classes"
for artifact in org.xerial.snappy:snappy-java:1.1.10.7 com.google.code.gson:gson:2.13.1; do
  mvn -q -B org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy -Dartifact="$artifact" -DoutputDirectory="$work/lib" -Dmdep.useBaseVersion=true \
    >"$work/maven.log" 2>&1 || skip "Maven could not fetch $artifact: $(grep -m1 ERROR "$work/maven.log")"
done
find "$source_dir/src/main/java" -name '*.java' >"$work/sources"
javac -encoding UTF-8 -nowarn -cp "$work/lib/*" -d "$work/classes" @"$work/sources" "$here/InteropMain.java" 2>"$work/javac.log" ||
  { cat "$work/javac.log" >&2; exit 1; }

free_port() { # a port nobody listens on; the range is below the one the kernel hands out
  local port
  for port in $(shuf -i 20000-29999 -n 50); do
    (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null || { echo "$port"; return; }
  done
  return 1
}
master_port=$(free_port) slave_port=$(free_port)
mkdir "$work/master" "$work/slave"
printf 'slave.node = 127.0.0.1:%s\nslave.data = %s\n' "$slave_port" "$work/slave" >"$work/slave.properties"
printf 'master.data.port = 127.0.0.1:%s\nmaster.data.path = %s\nslave.nodes = 127.0.0.1:%s\n' "$master_port" "$work/master" "$slave_port" >"$work/master.properties"
"$build_dir/slave/slave" "$work/slave.properties" >"$work/slave.log" 2>&1 &
pids+=($!)
"$build_dir/master/master" "$work/master.properties" >"$work/master.log" 2>&1 &
pids+=($!)
for _ in {1..300}; do
  (exec 3<>"/dev/tcp/127.0.0.1/$master_port") 2>/dev/null && (exec 3<>"/dev/tcp/127.0.0.1/$slave_port") 2>/dev/null && break
  sleep 0.1
done

java -Xmx3g -cp "$work/classes:$work/lib/*" InteropMain 127.0.0.1 "$master_port" "$rows"
