#!/usr/bin/env bash
# Prints the directory of a `librocksdb.a` that fits Cargo.lock, compiling it first when this user has none yet.
# RocksDB takes a quarter of an hour on two cores, so it is built once per user and shared by every profile and clone.
# The directory is named after the version, the features and flags, and the target; it appears complete or not at all.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)

if [ -n "${ROCKSDB_LIB_DIR:-}" ] && [ -f "$ROCKSDB_LIB_DIR/librocksdb.a" ]; then
  echo "$ROCKSDB_LIB_DIR" # the caller brings a library, and answers for its version
  exit 0
fi

# The workspace's own line, so that version and features are said in one place.
dependency=$(sed -n 's/^rocksdb *= *//p' "$root/Cargo.toml")
version=$(awk '/^name = "librocksdb-sys"$/ { getline; gsub(/"/, "", $3); print $3 }' "$root/Cargo.lock")
target=$(cd "$root" && rustc -vV | sed -n 's/^host: //p')
if [ -z "$dependency" ] || [ -z "$version" ] || [ -z "$target" ]; then
  echo "rocksdb: no rocksdb line in Cargo.toml, no librocksdb-sys in Cargo.lock, or no rustc" >&2
  exit 2
fi
flags=$(printf '%s|%s|%s' "$dependency" "${CXX:-c++}" "${CXXFLAGS:-}" | sha256sum | cut -c1-12)
cache="${XDG_CACHE_HOME:-$HOME/.cache}/topo"
home="$cache/rocksdb-$version-$flags-$target"

if [ ! -f "$home/librocksdb.a" ]; then
  mkdir -p "$cache"
  exec 9>"$home.lock"
  flock -n 9 || { echo "rocksdb: another build is running, waiting for it" >&2; flock 9; }
fi
if [ ! -f "$home/librocksdb.a" ]; then
  rm -rf "$home".build.* # what a killed build left behind
  build=$(mktemp -d "$home.build.XXXXXX")
  trap 'rm -rf "$build"' EXIT
  echo "rocksdb: compiling RocksDB $version once for this user (10 to 20 minutes on two cores)" >&2
  mkdir "$build/src"
  cp "$root/Cargo.lock" "$root/rust-toolchain.toml" "$build/"
  printf '//! Exists to compile RocksDB.\n' >"$build/src/lib.rs"
  cat >"$build/Cargo.toml" <<MANIFEST
[package]
name = "rocksdb-once"
version = "0.0.0"
edition = "2024"
[dependencies]
rocksdb = $dependency
[profile.release]
debug = false
[workspace]
MANIFEST
  (cd "$build" && env -u ROCKSDB_LIB_DIR -u ROCKSDB_STATIC -u CARGO_BUILD_TARGET CARGO_TARGET_DIR="$build/target" \
    cargo build --release >&2)
  mkdir "$build/done"
  cp "$build"/target/release/build/librocksdb-sys-*/out/librocksdb.a "$build/done/"
  rm -rf "$home" # only an empty or broken leftover can stand here
  mv "$build/done" "$home"
fi
echo "$home"
