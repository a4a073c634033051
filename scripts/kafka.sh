#!/usr/bin/env bash
# Prints the directory with the jars of the Apache Kafka the tests run, fetching them through Maven when they are missing.
set -euo pipefail

kafka=4.3.1
slf4j=1.7.36
cache="${XDG_CACHE_HOME:-$HOME/.cache}/topo"
home="$cache/kafka-$kafka"

if [ -n "${TOPO_KAFKA_JARS:-}" ] && compgen -G "$TOPO_KAFKA_JARS/kafka_2.13-*.jar" >/dev/null; then
  echo "$TOPO_KAFKA_JARS" # the caller brings the jars
  exit 0
fi
if [ ! -d "$home" ]; then
  mkdir -p "$cache"
  exec 9>"$home.lock"
  flock 9
fi
if [ ! -d "$home" ]; then
  build=$(mktemp -d "$home.build.XXXXXX")
  trap 'rm -rf "$build"' EXIT
  echo "kafka: fetching Apache Kafka $kafka from Maven" >&2
  cat >"$build/pom.xml" <<POM
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>topo</groupId>
  <artifactId>kafka-for-tests</artifactId>
  <version>0</version>
  <dependencies>
    <dependency><groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId><version>$kafka</version></dependency>
    <dependency><groupId>org.slf4j</groupId><artifactId>slf4j-simple</artifactId><version>$slf4j</version></dependency>
  </dependencies>
</project>
POM
  mvn --batch-mode --quiet -f "$build/pom.xml" dependency:copy-dependencies -DincludeScope=runtime \
    -DoutputDirectory="$build/jars" >&2
  mv "$build/jars" "$home"
fi
echo "$home"
