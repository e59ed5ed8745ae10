#!/bin/sh
# Runs once, when the data folder is empty: two owners who cannot read each
# other's databases. Temporal knows the processes, yanzhen's store the persons.
set -e # not -u: where the executable bit got lost, the image sources this file
psql -v ON_ERROR_STOP=1 --no-psqlrc -q -U "$POSTGRES_USER" -d postgres \
  -v temporal_password="$TEMPORAL_DB_PASSWORD" -v store_password="$STORE_DB_PASSWORD" <<'SQL'
CREATE ROLE temporal LOGIN PASSWORD :'temporal_password';
CREATE ROLE yanzhen LOGIN PASSWORD :'store_password';
CREATE DATABASE temporal OWNER temporal;
CREATE DATABASE temporal_visibility OWNER temporal;
CREATE DATABASE yanzhen OWNER yanzhen;
REVOKE CONNECT ON DATABASE temporal, temporal_visibility, yanzhen FROM PUBLIC;
SQL
