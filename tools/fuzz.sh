#!/usr/bin/env bash
# Fuzzes every target for FUZZTIME (20s), and fails for a finding or for a target
# that makes fewer than FUZZRATE (500) tries a second: such a one finds nothing.
# usage: fuzz.sh [name of a target, or a part of it]
set -uo pipefail
cd "$(dirname "$0")/.."
only=${1:-} time=${FUZZTIME:-20s} rate=${FUZZRATE:-500} failed=0

while IFS=: read -r file name; do
  package=./$(dirname "$file")
  out=$(go test -run '^$' -fuzz "^$name\$" -fuzztime "$time" "$package" 2>&1) && ok=yes || ok=no
  # Its last line of progress: "fuzz: elapsed: 20s, execs: 91820 (4591/sec), …"
  read -r seconds tries < <(sed -nE 's/^fuzz: elapsed: (([0-9]+)m)?([0-9]+)s, execs: ([0-9]+).*/\2 \3 \4/p' <<<"$out" |
    tail -1 | awk '{ print NF == 3 ? $1 * 60 + $2 " " $3 : $1 " " $2 }')
  per=$(( ${tries:-0} / (${seconds:-0} > 0 ? ${seconds:-0} : 1) ))
  if [ $ok = no ]; then
    printf 'FAIL  %s %s\n%s\n' "$name" "$package" "$out"
    failed=1
  elif [ "$per" -lt "$rate" ]; then
    printf 'FAIL  %s %s: %d tries a second, %d are asked for\n' "$name" "$package" "$per" "$rate"
    failed=1
  else
    printf 'ok    %s %s: %d tries, %d a second\n' "$name" "$package" "$tries" "$per"
  fi
done < <(git grep -oE 'func Fuzz[A-Za-z0-9_]+' -- '*_test.go' | sed 's/func //' | grep -i -- "$only")
exit $failed
