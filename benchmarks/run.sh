#!/usr/bin/env bash
# Builds what is stale and runs a benchmark: kernels, speculation or sessions; --help lists options.
set -euo pipefail
root=$(cd -P "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
jar=$root/benchmarks/target/benchmarks.jar
cd "$root"
if [ ! -f "$jar" ] || [ -n "$(find pom.xml decoding engine testkit benchmarks \( -name target -o -name test \) -prune -o \
  -newer "$jar" \( -name pom.xml -o -path '*/src/*' \) -print -quit)" ]; then
  mvn -q -B -pl benchmarks -am -Dmaven.test.skip=true -Dchecks.skip package >&2
  touch "$jar"
fi
java=${JAVA_HOME:+$JAVA_HOME/bin/}java
exec "$java" "@$root/bin/java.options" "-Dlayermesh.root=$root" -XX:+UseParallelGC -jar "$jar" "$@"
