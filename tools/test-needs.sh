#!/usr/bin/env bash
# What the tests need beside Go: PostgreSQL's server programs, PgBouncer before
# them, Chromium for the pages, a C compiler for the race detector, and Node.js for
# other implementations of what we speak. On Debian they are installed where that is allowed; elsewhere one
# sentence says what to install.
set -euo pipefail

have_postgres() {
  [ -n "${YANZHEN_TEST_POSTGRES:-}" ] && return 0
  { command -v initdb && command -v postgres; } >/dev/null 2>&1 && return 0
  compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null ||
    compgen -G '/usr/pgsql-*/bin/initdb' >/dev/null ||
    compgen -G '/opt/homebrew/opt/postgresql*/bin/initdb' >/dev/null
}
have_pgbouncer() {
  command -v pgbouncer >/dev/null 2>&1 || [ -x /usr/sbin/pgbouncer ] || [ -x /opt/homebrew/bin/pgbouncer ]
}
# Ubuntu's chromium is a stub for a snap, which a test cannot drive.
have_chromium() {
  local c
  for c in chromium chromium-browser google-chrome google-chrome-stable chrome headless-shell; do
    command -v "$c" >/dev/null 2>&1 && "$c" --version >/dev/null 2>&1 && return 0
  done
  [ -x '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome' ]
}
# Go takes the compiler that CC names. The headers are a package of their own.
have_compiler() {
  echo '#include <stdlib.h>' | ${CC:-gcc} -E -x c - >/dev/null 2>&1
}

have_node() { command -v node >/dev/null 2>&1 && command -v npm >/dev/null 2>&1; }

missing=()
have_compiler || missing+=(gcc libc6-dev)
have_postgres || missing+=(postgresql)
have_pgbouncer || missing+=(pgbouncer)
have_chromium || missing+=(chromium)
have_node || missing+=(nodejs npm)
[ ${#missing[@]} -eq 0 ] && exit 0

id=$(. /etc/os-release 2>/dev/null && echo "${ID:-}") || true
as_root=()
if [ "$(id -u)" -ne 0 ]; then
  as_root=(sudo -n)
fi
if [ "$id" = debian ] && { [ "$(id -u)" -eq 0 ] || sudo -n true 2>/dev/null; }; then
  # With the Chinese glyphs that the pages show.
  case " ${missing[*]} " in *' chromium '*) missing+=(fonts-noto-cjk) ;; esac
  echo "The tests need ${missing[*]}; installing with apt."
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get update -qq </dev/null
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" </dev/null
  exit 0
fi

sentence="The tests need ${missing[*]}: install ${missing[*]} with your system's package manager"
case " ${missing[*]} " in *' postgresql '*) sentence+=" (or name a running server in YANZHEN_TEST_POSTGRES)" ;; esac
case "$id: ${missing[*]} " in ubuntu*chromium*) sentence+="; Ubuntu's chromium package is a stub, so take Google Chrome or a Debian machine" ;; esac
echo "$sentence, then run make test again." >&2
exit 1
