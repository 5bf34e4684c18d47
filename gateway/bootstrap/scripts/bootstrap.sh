#!/bin/sh
# Brings the machine up once, and tells the gateway how that went.
set -u
umask 077
log=/var/log/pcg-bootstrap.log
report=/usr/local/lib/pcg/report.sh
kubernetes=/usr/local/lib/pcg/kubernetes.sh

"$report" booting || true
if [ -x "$kubernetes" ] && ! "$kubernetes" >"$log" 2>&1; then
  "$report" failed "$(tail -n 12 "$log")"
  exit 1
fi
mkdir -p /var/lib/pcg
touch /var/lib/pcg/bootstrapped
"$report" ready
