#!/bin/sh
# Tells the gateway how this machine is: report.sh booting | ready | failed [MESSAGE].
# Goes on trying while the gateway can't be reached; gives up when it refuses.
set -u
phase=$1
message=${2:-}
# shellcheck source=/dev/null
. /etc/pcg/machine.env

# The address on the way out, not one of a container network.
main_address() {
  device=$(ip -4 -o route show default 2>/dev/null | sed -n 's/.* dev \([^ ]*\).*/\1/p' | head -n 1)
  if [ -n "$device" ]; then
    ip -4 -o address show dev "$device" scope global | sed -n 's/.* inet \([0-9.]*\).*/\1/p' | head -n 1
  else
    hostname -I 2>/dev/null | cut -d ' ' -f 1
  fi
}

address=$(main_address)
quoted=$(printf '%s' "$message" | tr '\n\t' '  ' | tr -d '\000-\037' | tail -c 4000 | sed 's/[\\"]/\\&/g')
body="{\"phase\":\"$phase\",\"message\":\"$quoted\",\"addresses\":[${address:+\"$address\"}]}"

tries=1
[ "$phase" = booting ] || tries=120
while [ "$tries" -gt 0 ]; do
  status=$(printf '%s' "$body" | curl --silent --output /dev/null --write-out '%{http_code}' --max-time 20 \
    --config /etc/pcg/phone-home.curl --header 'content-type: application/json' --data-binary @- "$PHONE_HOME_URL")
  case $status in
    204) exit 0 ;;
    401 | 404) break ;;
  esac
  tries=$((tries - 1))
  [ "$tries" -eq 0 ] || sleep 15
done
echo "the gateway did not take the report '$phase' (HTTP status $status)" >&2
exit 1
