#!/usr/bin/env bash
# Posts payments and prints the way that each one took.
# The exit status is 1 when an answer has another HTTP status than expected.
set -euo pipefail

url=http://localhost:3004
expect=200
accept=text/plain

usage() {
  echo "usage: pay.sh [--url $url] [--expect $expect] [--json] FILE..." >&2
  echo "       pay.sh payments/good.json" >&2
  echo "       pay.sh --expect 404 payments/unknown-account.json" >&2
  exit 2
}

files=()
while (($#)); do
  case $1 in
    --url | --expect)
      (($# > 1)) || usage
      if [[ $1 == --url ]]; then url=$2; else expect=$2; fi
      shift
      ;;
    --json) accept=application/json ;;
    -*) usage ;;
    *) files+=("$1") ;;
  esac
  shift
done
((${#files[@]})) || usage

result=0
for file in "${files[@]}"; do
  # The status comes after the answer, on a last line of its own.
  answer=$(curl --silent --show-error --max-time 60 --noproxy '*' \
    --header "Accept: $accept" --header 'Content-Type: application/json' \
    --data-binary "@$file" --write-out '\n%{http_code}' "$url/payments") || {
    echo "pay.sh: $url does not answer; start the fleet: slipway run -p 3004:3004 --until-healthy --detach" >&2
    exit 1
  }
  status=${answer##*$'\n'}
  body=${answer%$'\n'*}
  echo "${body%$'\n'}"
  if [[ $status != "$expect" ]]; then
    echo "pay.sh: $file: got HTTP $status, expected $expect" >&2
    result=1
  fi
done
exit $result
