#!/usr/bin/env bash
# Checks api/openapi.yaml: lint | types | released. Called by tools/lint.sh.
set -euo pipefail
cd "$(dirname "$0")/../.."
contract=$PWD/api/openapi.yaml
here=tools/contract
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# node puts the pinned packages in place, once for each lock file. No package's
# own script runs.
node_tools() {
  command -v npm >/dev/null || { echo 'the contract is checked with tools from npm: install nodejs and npm'; exit 1; }
  cmp -s $here/package-lock.json $here/node_modules/.locked && return
  npm ci --prefix $here --ignore-scripts --no-audit --no-fund --loglevel=error
  cp $here/package-lock.json $here/node_modules/.locked
}

case $1 in
lint)
  node_tools
  REDOCLY_TELEMETRY=off REDOCLY_SUPPRESS_UPDATE_NOTICE=true \
    $here/node_modules/.bin/redocly lint --config $here/redocly.yaml --format stylish "$contract" 2>&1
  ;;
types) # what a TypeScript caller generates compiles strictly, and knows every type
  node_tools
  $here/node_modules/.bin/openapi-typescript "$contract" -o "$scratch/contract.d.ts" >/dev/null
  $here/node_modules/.bin/tsc --strict --noEmit --noUncheckedIndexedAccess --exactOptionalPropertyTypes "$scratch/contract.d.ts"
  if grep -nE '\bany\b' <(sed 's|/\*.*\*/||; s|^ *\*.*||; s|//.*||' "$scratch/contract.d.ts"); then
    echo 'the generated types hold any'
    exit 1
  fi
  ;;
released) # nothing that breaks a released contract
  oasdiff() { go tool -modfile=$here/go.mod oasdiff breaking --fail-on ERR "$@"; }
  # A check that cannot fail would pass for ever.
  sed 's|^  /v1/reasons:$|  /v1/grounds:|' "$contract" >"$scratch/broken.yaml"
  if oasdiff "$contract" "$scratch/broken.yaml" >/dev/null 2>&1; then
    echo 'oasdiff does not see that an operation is gone'
    exit 1
  fi
  for released in api/released/*.yaml; do
    [ -e "$released" ] || continue
    oasdiff "$released" "$contract"
  done
  ;;
*)
  echo "usage: $0 lint | types | released" >&2
  exit 2
  ;;
esac
