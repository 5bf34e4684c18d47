#!/bin/sh
# Takes another machine out of the cluster before it is deleted: leave.sh NAME ROLE drain|remove. `drain` lets its pods find
# another place first. What is gone already is no failure, so it may be run again after any part of it. Tells the gateway.
set -u
name=$1
role=$2
how=$3
# shellcheck source=/dev/null
. /etc/pcg/machine.env
export KUBECONFIG=/etc/kubernetes/admin.conf
DRAIN_SECONDS=60

errors=$(mktemp)
trap 'rm -f "$errors"' EXIT

kubectl() { command kubectl --request-timeout=30s "$@" 2>"$errors"; }

tell() {
  quoted=$(printf '%s' "$2" | tr '\n\t' '  ' | tr -d '\000-\037' | tail -c 4000 | sed 's/[\\"]/\\&/g')
  printf '{"machine":"%s","outcome":"%s"%s}' "$name" "$1" "${quoted:+,\"message\":\"$quoted\"}" |
    curl --silent --show-error --fail --max-time 20 --config /etc/pcg/phone-home.curl \
      --header 'content-type: application/json' --data-binary @- "$PHONE_HOME_URL/left"
}

fail() {
  why="$1: $(tail -n 5 "$errors")"
  echo "$name could not leave: $why" >&2
  tell failed "$why"
  exit 1
}

# Through this machine's own member, whichever machine's API server the endpoint leads to.
etcdctl() {
  pki=/etc/kubernetes/pki/etcd
  kubectl --namespace kube-system exec "etcd-$MACHINE_NAME" -- etcdctl --endpoints=https://127.0.0.1:2379 \
    --cacert="$pki/ca.crt" --cert="$pki/server.crt" --key="$pki/server.key" "$@"
}

[ "$name" != "$MACHINE_NAME" ] || fail 'a machine cannot take itself out of the cluster'
undone=

node=$(kubectl get node "$name" --ignore-not-found --output name) || fail 'its node could not be looked up'
if [ -n "$node" ]; then
  if [ "$how" = drain ]; then
    # --force: pods that no controller makes again would be lost with the VM in any case.
    kubectl drain "$name" --ignore-daemonsets --delete-emptydir-data --force --timeout="${DRAIN_SECONDS}s" >/dev/null ||
      fail "its pods could not be moved within $DRAIN_SECONDS seconds"
  else
    undone='its node was deleted with its pods on it'
  fi
fi

# The node before the member: without its member the machine's API server, to which the endpoint may lead, answers no more.
kubectl delete node "$name" --ignore-not-found >/dev/null || fail 'its node could not be deleted'

if [ "$role" = control-plane ]; then
  members=$(etcdctl member list) || fail 'the etcd members could not be listed'
  member=$(printf '%s\n' "$members" | awk -F ', *' -v name="$name" '$3 == name { print $1 }')
  if [ -n "$member" ]; then
    etcdctl member remove "$member" >/dev/null || fail "its etcd member $member could not be removed"
  fi
fi

tell left "$undone"
