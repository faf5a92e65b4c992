#!/usr/bin/env bash
# Kafka's DumpLogSegments reads what we write: dump_log_segments.sh <write_logs program>
# Fetches Kafka 4.4.0 by maven into the user's cache; without java or maven it is skipped (exit 77).
set -euo pipefail
program=$1
source "$(dirname "$0")/kafka_libs.sh"
work=$(mktemp -d); trap "[ -n \"${KEEP:-}\" ] || rm -rf $work" EXIT
"$program" "$work/data"

dump() { java -Xmx256m -cp "$libs/*" org.apache.kafka.tools.DumpLogSegments "$@"; }
fail() { echo "FAILED: $*"; exit 1; }
joined() { local IFS=,; echo "$*"; }

for codec in none gzip snappy lz4 zstd; do
  folder=$work/data/codec-$codec-0
  logs=("$folder"/*.log)
  [ ${#logs[@]} -ge 3 ] || fail "$codec: only ${#logs[@]} segments"
  dump --deep-iteration --print-data-log --files "$(joined "${logs[@]}")" >"$work/out" 2>&1 || { cat "$work/out"; fail "$codec"; }
  # (4.4.0 reports "-1 is followed by" for every segment that does not begin at 0.)
  ! grep -aE 'is followed by' "$work/out" | grep -avE '^ *-1 is followed' || fail "$codec: offsets with gaps"
  ! grep -aiE 'exception|error|invalid|isvalid: false|mismatch' "$work/out" || fail "$codec: see above"
  [ "$(grep -ac 'endTxnMarker: COMMIT' "$work/out")" = 48 ] || fail "$codec: commit markers: $(grep -ac 'endTxnMarker: COMMIT' "$work/out"), expected 48"
  [ "$(grep -ac 'endTxnMarker: ABORT' "$work/out")" = 12 ] || fail "$codec: abort markers"
  [ "$(grep -ac '^| offset' "$work/out")" = 1260 ] || fail "$codec: records: $(grep -ac '^| offset' "$work/out"), expected 1260"
  grep -aq "compresscodec: $codec" "$work/out" || fail "$codec: codec not seen"
  # Indexes are checked by Kafka against the log beside them.
  others=("$folder"/*.index "$folder"/*.timeindex "$folder"/*.txnindex "$folder"/*.snapshot)
  dump --index-sanity-check --files "$(joined "$folder"/*.index)" >"$work/out" 2>&1 || { cat "$work/out"; fail "$codec: index"; }
  dump --files "$(joined "${others[@]}")" >"$work/out" 2>&1 || { cat "$work/out"; fail "$codec: indexes"; }
  ! grep -aiE 'exception|error|mismatch|corrupt|missing' "$work/out" || fail "$codec: indexes"
  [ "$(grep -ac 'firstOffset' "$work/out")" -ge 12 ] || fail "$codec: aborted transactions in .txnindex: $(grep -ac firstOffset "$work/out")"
  grep -aq 'producerId: ' "$work/out" || fail "$codec: producer snapshot"
done
dump --offsets-decoder --files "$(joined "$work"/data/__consumer_offsets-0/*.log)" >"$work/out" 2>&1 || { cat "$work/out"; fail "offsets"; }
grep -aq 'group-codec-zstd' "$work/out" || fail "no group in __consumer_offsets"
grep -aqE '"metadata": ?"metadata"' "$work/out" || fail "no metadata in __consumer_offsets: $(head -c 2000 "$work/out")"
dump --transaction-log-decoder --files "$(joined "$work"/data/__transaction_state-0/*.log)" >"$work/out" 2>&1 || { cat "$work/out"; fail "transactions"; }
grep -aq 'codec-lz4' "$work/out" || fail "no transactional id in __transaction_state"
! grep -aqiE 'could not be decoded|unknown' "$work/out" || fail "undecoded: $(head -c 2000 "$work/out")"
echo "Kafka 4.4.0 reads all of it"
