#!/usr/bin/env bash
# Installs the Debian packages that are missing: `packages.sh build` for building, `packages.sh test` for the tests too.
# A package is asked for by what it provides, so tools that came from elsewhere are used and nothing is installed twice.
set -euo pipefail

what=${1:-build}
missing=()
# need PACKAGE COMMAND...: PACKAGE is missing when COMMAND fails.
need() { local package=$1; shift; "$@" >/dev/null 2>&1 || missing+=("$package"); }
# Debian 12 carries LLVM 14; other releases name their own through the plain package.
libclang_package() { if grep -qs '^VERSION_ID="12"' /etc/os-release; then echo libclang-14-dev; else echo libclang-dev; fi; }
# bindgen wants the C library (libclang-cpp.so, which LLVM's own package brings, is another) and clang's headers (stddef.h).
has_libclang() {
  [ -n "${LIBCLANG_PATH:-}" ] && return
  local place
  for place in /usr/lib/llvm-*/lib /usr/lib64 /usr/lib/*-linux-gnu; do
    compgen -G "$place/libclang.so*" || compgen -G "$place/libclang-[0-9]*.so*" || continue
    compgen -G '/usr/lib/llvm-*/lib/clang/*/include/stddef.h' || compgen -G '/usr/lib*/clang/*/include/stddef.h' || continue
    return 0
  done
  return 1
}
has_header() { [ -e "/usr/include/$1" ] || compgen -G "/usr/include/*/$1"; }
# Kafka 4 wants Java 17; the interoperation test compiles a Kafka Streams application.
has_jdk() {
  java -version 2>&1 | grep -qE 'version "(1[7-9]|[2-9][0-9])' && javac -version 2>&1 | grep -qE '^javac (1[7-9]|[2-9][0-9])'
}
has_postgres() { [ -n "${TOPO_TEST_POSTGRES:-}" ] || compgen -G '/usr/lib/postgresql/*/bin/postgres' || command -v postgres; }

need g++ g++ --version
need gcc gcc --version
need make make --version
need pkg-config pkg-config --version
need libssl-dev pkg-config --exists openssl
need zlib1g-dev has_header zlib.h
need libc6-dev has_header stdio.h
need perl perl -v
need util-linux flock --version
need "$(libclang_package)" has_libclang
if [ "$what" = test ]; then
  need openjdk-17-jdk-headless has_jdk
  need maven mvn --version
  need postgresql-15 has_postgres
  # `initdb` and `postgres` refuse to run as root; the tests then step down with `runuser`, part of util-linux.
fi
[ ${#missing[@]} -eq 0 ] && exit 0

if ! command -v apt-get >/dev/null; then
  echo "setup: missing: ${missing[*]} (Debian names). This system has no apt-get: install their counterparts, then run make again." >&2
  exit 2
fi
as_root=()
if [ "$(id -u)" -ne 0 ]; then
  if ! command -v sudo >/dev/null; then
    echo "setup: missing: ${missing[*]}. Neither root nor sudo here; as root run: apt-get install -y ${missing[*]}" >&2
    exit 2
  fi
  as_root=(sudo)
fi
echo "setup: installing ${missing[*]}"
"${as_root[@]}" apt-get update -qq
"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}"
