#!/usr/bin/env bash
# Fuzzes every target for FUZZTIME (20s), and fails for a finding or for a target
# that makes fewer than FUZZRATE (500) tries a second: such a one finds nothing.
# Of a second counts what the rest of the machine left to the target, so that a
# good one does not fail on a busy machine; one that sleeps gains nothing by it.
# usage: fuzz.sh [name of a target, or a part of it]
set -uo pipefail

# go test runs the test's binary through this: it notes the machine's processor
# time before and after (clock ticks), and the binary's and its workers' own (s).
if [ "${1:-}" = --timed ]; then
  shift
  TIMEFORMAT='own %U %S'
  grep '^cpu ' /proc/stat >"$FUZZ_USED" 2>/dev/null
  { time "$@" 2>&3; } 3>&2 2>>"$FUZZ_USED"
  code=$?
  grep '^cpu ' /proc/stat >>"$FUZZ_USED" 2>/dev/null
  exit $code
fi

cd "$(dirname "$0")/.."
only=${1:-} time=${FUZZTIME:-20s} rate=${FUZZRATE:-500} failed=0
FUZZ_USED=$(mktemp) && export FUZZ_USED && trap 'rm -f "$FUZZ_USED"' EXIT

# left is the part of the machine's time that the target had or could have had:
# its own and the idle one; 1 where the system does not tell.
left() {
  awk -v hz="$(getconf CLK_TCK)" '
    /^cpu /{ n++; idle[n] = $5 + $6; all[n] = 0; for (i = 2; i <= 9; i++) all[n] += $i }
    /^own /{ own = ($2 + $3) * hz }
    END {
      passed = all[2] - all[1]; left = idle[2] - idle[1] + own
      print (n == 2 && left > 0 && left < passed) ? left / passed : 1
    }' "$FUZZ_USED"
}

fuzz() {
  : >"$FUZZ_USED"
  go test -exec "bash '$PWD/tools/fuzz.sh' --timed" -run '^$' -fuzz "^$name\$" -fuzztime "$time" -fuzzminimizetime 1s "$package" 2>&1
}

while IFS=: read -r file name; do
  package=./$(dirname "$file")
  out=$(fuzz) && ok=yes || ok=no
  # go test may end a run that found nothing by its own deadline, as if that
  # were a failure (golang/go#75804, mended in Go 1.27).
  if [ $ok = no ] && grep -q 'context deadline exceeded' <<<"$out" && ! grep -q 'Failing input' <<<"$out"; then
    out=$(fuzz) && ok=yes || ok=no
  fi
  # Its last line of progress: "fuzz: elapsed: 20s, execs: 91820 (4591/sec), …"
  read -r seconds tries < <(sed -nE 's/^fuzz: elapsed: (([0-9]+)m)?([0-9]+)s, execs: ([0-9]+).*/\2 \3 \4/p' <<<"$out" |
    tail -1 | awk '{ print NF == 3 ? $1 * 60 + $2 " " $3 : $1 " " $2 }')
  # What an earlier run kept is gone through first; that is no trying.
  gone=$(sed -nE 's/^fuzz: elapsed: ([0-9]+)s, gathering baseline coverage.*now fuzzing.*/\1/p' <<<"$out" | tail -1)
  [ "${seconds:-0}" -gt "${gone:-0}" ] && seconds=$((seconds - ${gone:-0}))
  part=$(left)
  per=$(awk -v n="${tries:-0}" -v s="${seconds:-0}" -v part="$part" 'BEGIN { print (s > 0) ? int(n / (s * part)) : 0 }')
  if [ $ok = no ]; then
    printf 'FAIL  %s %s\n%s\n' "$name" "$package" "$out"
    failed=1
  elif [ "$per" -lt "$rate" ]; then
    printf 'FAIL  %s %s: %d tries a second, %d are asked for\n' "$name" "$package" "$per" "$rate"
    failed=1
  else
    printf 'ok    %s %s: %d tries, %d a second, with %.0f %% of the machine\n' "$name" "$package" "$tries" "$per" "$(awk "BEGIN { print 100 * $part }")"
  fi
done < <(git grep -oE 'func Fuzz[A-Za-z0-9_]+' -- '*_test.go' | sed 's/func //' | grep -i -- ":.*$only")
exit $failed
