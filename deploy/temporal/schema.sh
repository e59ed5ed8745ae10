#!/bin/sh
# Brings the schema of Temporal's two databases to the version of this image.
# Safe to run again; setup-schema and update-schema do nothing where nothing is
# to be done. The databases themselves are made by deploy/postgres.
set -eu
tool() {
  temporal-sql-tool --plugin postgres12 --endpoint "$POSTGRES_SEEDS" --port "$DB_PORT" --user "$POSTGRES_USER" --database "$1" "$2" "$3" "$4"
}
for pair in temporal:temporal temporal_visibility:visibility; do
  db=${pair%%:*}
  tool "$db" setup-schema --version 0.0
  tool "$db" update-schema --schema-dir "/etc/temporal/schema/postgresql/v12/${pair##*:}/versioned"
done
