#!/bin/sh
# Runs at each start: two owners who cannot read each other's databases, and the
# passwords of .env. Temporal knows the processes, yanzhen's store the persons.
set -eu
failed=
check() {
  case $2 in
  *[!0-9a-fA-F]*) ;;
  *) [ ${#2} -lt 32 ] || return 0 ;;
  esac
  echo "$1 in .env is no secret for a database's URL: set it to 32 random hex digits or more (openssl rand -hex 16)." >&2
  failed=1
}
check POSTGRES_PASSWORD "$POSTGRES_PASSWORD"
check TEMPORAL_DB_PASSWORD "$TEMPORAL_DB_PASSWORD"
check STORE_DB_PASSWORD "$STORE_DB_PASSWORD"
[ -z "$failed" ] || exit 1

# log_min_error_statement: no password in the server's log.
exec psql -v ON_ERROR_STOP=1 --no-psqlrc -q -U postgres -d postgres <<'SQL'
SET log_min_error_statement = panic;
\getenv postgres_password POSTGRES_PASSWORD
\getenv temporal_password TEMPORAL_DB_PASSWORD
\getenv store_password STORE_DB_PASSWORD
SELECT format('CREATE ROLE %I LOGIN', name) FROM unnest('{temporal,yanzhen}'::text[]) AS name
  WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = name) \gexec
SELECT format('CREATE DATABASE %I OWNER %I', name, owner)
  FROM (VALUES ('temporal', 'temporal'), ('temporal_visibility', 'temporal'), ('yanzhen', 'yanzhen')) AS wanted (name, owner)
  WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = name) \gexec
ALTER ROLE postgres PASSWORD :'postgres_password';
ALTER ROLE temporal PASSWORD :'temporal_password';
ALTER ROLE yanzhen PASSWORD :'store_password';
REVOKE CONNECT ON DATABASE temporal, temporal_visibility, yanzhen FROM PUBLIC;
SQL
