# Sourced by the tests of this folder: sets `interop`, their folder, and `libs`, that of Kafka's jars, fetched once by
# maven into the user's cache. Without java, maven, the programs given as arguments, or the jars: skipped (exit 77).
interop=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
for needed in java mvn "$@"; do
  command -v "$needed" >/dev/null || { echo "skipped: $needed is missing"; exit 77; }
done
libs=${MILLRACE_INTEROP_LIBS:-${XDG_CACHE_HOME:-$HOME/.cache}/millrace/interop-4.4.0}
mkdir -p "$libs"
exec 9>"$libs/.lock" # two tests may come at once
flock 9
if ! cmp -s "$interop/pom.xml" "$libs/pom.xml"; then
  mvn -q -B -f "$interop/pom.xml" dependency:copy-dependencies -DoutputDirectory="$libs" ||
    { echo "skipped: Kafka cannot be fetched"; exit 77; }
  cp "$interop/pom.xml" "$libs/pom.xml"
fi
exec 9>&-
