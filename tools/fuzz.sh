#!/usr/bin/env bash
# Runs every fuzz test for a while, FUZZTIME each (30s); all of them run, then it fails if one did.
set -u
cd "$(dirname "$0")/.."
failed=0
for file in $(git grep -l '^func Fuzz' -- '*_test.go'); do
  for name in $(sed -n 's/^func \(Fuzz[A-Za-z0-9_]*\)(.*/\1/p' "$file"); do
    if out=$(go test -run '^$' -fuzz "^$name\$" -fuzztime "${FUZZTIME:-30s}" "./$(dirname "$file")" 2>&1); then
      printf 'ok    %s %s\n' "$(dirname "$file")" "$name"
    else
      printf 'FAIL  %s %s\n%s\n' "$(dirname "$file")" "$name" "$out"
      failed=1
    fi
  done
done
exit $failed
