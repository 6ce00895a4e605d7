#!/bin/sh
# Build GraphiQL from web/graphiql into graph/static/graphiql; with --check compare a fresh build with what is committed.
set -eu

root=$(cd "$(dirname "$0")/.." && pwd)
committed=$root/graph/static/graphiql

case "${1-}" in
"") output=$committed ;;
--check)
  output=$(mktemp -d)
  trap 'rm -rf "$output"' EXIT
  ;;
*)
  echo "usage: scripts/build_graphiql.sh [--check]" >&2
  exit 2
  ;;
esac

command -v npm >/dev/null || { echo "build_graphiql: npm is needed (Node.js 20.19 or newer)" >&2; exit 1; }
cd "$root/web/graphiql"
npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
npm run --silent build -- --outDir "$output" --emptyOutDir --logLevel warn

if [ "$output" != "$committed" ]; then
  diff -r "$output" "$committed" >/dev/null || {
    echo "build_graphiql: graph/static/graphiql is not what web/graphiql builds; run scripts/build_graphiql.sh" >&2
    exit 1
  }
  echo "graph/static/graphiql is what web/graphiql builds"
fi
