#!/usr/bin/env bash
# Fuzzes one target for so many seconds and keeps in its corpus what reaches new code: run.sh TARGET [SECONDS]
set -euo pipefail
cd "$(dirname "$0")"
target=${1:?a target of targets.rs, or model}
seconds=${2:-600}
binary=reader
[ "$target" = model ] && binary=model
files=files/$target
mkdir -p "$files" "artifacts/$target"
[ -f "corpus/$target.tar.gz" ] && tar -xzf "corpus/$target.tar.gz" -C "$files"
cp -n "artifacts/$target/"* "$files/" 2>/dev/null || true
fuzz() { HOMEOSTAT_TARGET=$target cargo +nightly fuzz "$1" --fuzz-dir . --sanitizer none -O --debug-assertions "${@:2}"; }
fuzz run "$binary" "$files" -- -max_total_time="$seconds" -timeout=20 -rss_limit_mb=1024 -max_len=65536 -artifact_prefix="artifacts/$target/"
fuzz cmin "$binary" "$files"
mkdir -p corpus
tar --sort=name --mtime=2026-01-01 --owner=0 --group=0 --numeric-owner -C "$files" -cf - . | gzip -9n > "corpus/$target.tar.gz"
