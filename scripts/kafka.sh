#!/usr/bin/env bash
# Prints the directory with the jars of the Apache Kafka and the Kafka Streams the tests run, fetching them through Maven when
# they are missing.
set -euo pipefail

kafka=4.3.1
slf4j=1.7.36
cache="${XDG_CACHE_HOME:-$HOME/.cache}/topo"
home="$cache/kafka-$kafka"

# Complete once the jar that is moved last is there: an interrupted fetch, or one of a time without Kafka Streams, is done again.
complete() { compgen -G "$1/kafka_2.13-*.jar" >/dev/null && compgen -G "$1/kafka-streams-*.jar" >/dev/null; }

if [ -n "${TOPO_KAFKA_JARS:-}" ] && complete "$TOPO_KAFKA_JARS"; then
  echo "$TOPO_KAFKA_JARS" # the caller brings the jars
  exit 0
fi
if ! complete "$home"; then
  mkdir -p "$cache"
  exec 9>"$home.lock"
  flock 9
fi
if ! complete "$home"; then
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
    <dependency><groupId>org.apache.kafka</groupId><artifactId>kafka-streams</artifactId><version>$kafka</version></dependency>
    <dependency><groupId>org.slf4j</groupId><artifactId>slf4j-simple</artifactId><version>$slf4j</version></dependency>
  </dependencies>
</project>
POM
  mvn --batch-mode --quiet -f "$build/pom.xml" dependency:copy-dependencies -DincludeScope=runtime \
    -DoutputDirectory="$build/jars" >&2
  mkdir -p "$home"
  last="$build/jars/kafka-streams-$kafka.jar"
  for jar in "$build"/jars/*.jar; do
    [ "$jar" = "$last" ] || mv "$jar" "$home/"
  done
  mv "$last" "$home/"
fi
echo "$home"
