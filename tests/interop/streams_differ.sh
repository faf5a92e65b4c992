#!/usr/bin/env bash
# Random topologies, in Kafka Streams and here: streams_differ.sh <millrace-conformance program> [FIRST_SEED [COUNT]]
# Kafka's own TopologyTestDriver says what each case gives; it has first to give what recorded cases say. Cases that
# differ are kept, and named. KEEP=1 keeps all.
set -euo pipefail
program=$1 first=${2:-1} count=${3:-150}
source "$(dirname "$0")/kafka_libs.sh" javac
memory=/dev/shm; [ -w $memory ] || memory=${TMPDIR:-/tmp} # stores of Kafka's sync; many small ones
work=$(mktemp -d -p "$memory" streams_differ.XXXXXX)
trap '[ -n "${KEEP:-}" ] || rm -rf "$work"' EXIT

javac -nowarn -cp "$libs/*" -d "$work/classes" "$interop"/streams_cases/*.java
cases() {
  java -XX:TieredStopAtLevel=1 -XX:+UseSerialGC -Xmx512m "-Djava.io.tmpdir=$work" -cp "$work/classes:$libs/*" \
    StreamsCases "$@"
}
fail() { KEEP=1; echo "FAILED: $*"; exit 1; }
judge() { "$program" "$@" 2>/dev/null; }

vectors=$interop/../conformance/vectors
mapfile -t recorded < <(shuf -n 25 --random-source="$vectors/first.txt" "$vectors/first.txt")
recorded=("${recorded[@]/#/$vectors/cases/}")
cases "$work/recorded" --replay "${recorded[@]/%/.json}" >"$work/out" || fail "$(cat "$work/out")"
judge "$work"/recorded/*.json >"$work/out" || fail "recorded cases, replayed in $work/recorded: $(cat "$work/out")"

cases "$work/made" --seed "$first" --count "$count" >"$work/out" || fail "$(cat "$work/out")"
[ -s "$work/out" ] && fail "$(cat "$work/out")"
judge "$work"/made/*.json >"$work/out" || fail "see $work/made: $(cat "$work/out")"
! grep skipped "$work/out" | grep -v ' 0 skipped' || fail "cases that are not judged"
echo "seeds $first to $((first + count - 1)): $(tail -1 "$work/out")"
