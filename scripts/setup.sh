#!/usr/bin/env bash
# Makes this clone ready: `setup.sh build` for building, `setup.sh test` for the tests too. Safe to repeat; a second run takes a second.
# The result is an untracked `.cargo/config.toml`, so that plain `cargo build` and `cargo test` find RocksDB and Kafka as well.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
what=${1:-test}
config="$root/.cargo/config.toml"
mark="# Written by scripts/setup.sh; not tracked, made again at will."

if ! command -v cargo >/dev/null; then
  echo "setup: no cargo on PATH. Install Rust with rustup (https://rustup.rs); rust-toolchain.toml names the version." >&2
  exit 2
fi
if [ -f "$config" ] && ! grep -qxF "$mark" "$config"; then
  echo "setup: $config is not ours and will not be overwritten; move its settings to \$CARGO_HOME/config.toml" >&2
  exit 2
fi
"$root/scripts/packages.sh" "$what"
rocksdb=$("$root/scripts/rocksdb.sh")
kafka=
if [ "$what" = test ]; then
  kafka=$("$root/scripts/kafka.sh")
elif [ -f "$config" ]; then
  kafka=$(sed -n 's/^TOPO_KAFKA_JARS = "\(.*\)"$/\1/p' "$config") # a build must not forget what a test run has set up
fi

new=$(mktemp)
trap 'rm -f "$new"' EXIT
{
  echo "$mark"
  echo "[env]"
  echo "ROCKSDB_LIB_DIR = \"$rocksdb\""
  echo "ROCKSDB_STATIC = \"1\""
  [ -z "$kafka" ] || echo "TOPO_KAFKA_JARS = \"$kafka\""
} >"$new"
if ! cmp -s "$new" "$config"; then
  mkdir -p "$root/.cargo"
  cp "$new" "$config"
fi
