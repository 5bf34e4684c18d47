#!/bin/sh
# Asks the gateway which machines come to the cluster and which leave it. Join tokens live two hours: this makes those valid
# with which machines are coming, with the control plane's certificates at hand for its further machines; and it takes out of
# the cluster who is to leave. Run by a timer; goes on by itself while the gateway says so.
set -eu
umask 077
# shellcheck source=/dev/null
. /etc/pcg/machine.env
export KUBECONFIG=/etc/kubernetes/admin.conf
uploaded=/var/lib/pcg/certificates-uploaded
leave=/usr/local/lib/pcg/leave.sh
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

ask() {
  curl --silent --show-error --fail --max-time 20 --config /etc/pcg/phone-home.curl --header 'accept: text/plain' \
    --output "$work/wanted" "$PHONE_HOME_URL/join-wanted"
}

# Side by side, since each may have to wait for its pods. One that fails is asked for again.
let_leave() {
  grep '^leaving ' "$work/wanted" >"$work/leaving" || return 0
  while read -r _ name role how; do
    "$leave" "$name" "$role" "$how" &
  done <"$work/leaving"
  wait
}

# Secrets go to kubeadm in files, since command lines can be read by everybody. The version stands there as well: kubeadm
# would ask the internet for the newest otherwise.
kubeadm_config() {
  printf 'apiVersion: %s\nkind: InitConfiguration\n' "$KUBEADM_API"
  printf '%s\n' "$@"
  printf -- '---\napiVersion: %s\nkind: ClusterConfiguration\nkubernetesVersion: v%s\n' "$KUBEADM_API" "$KUBERNETES_VERSION"
}

let_join() {
  grep '^token ' "$work/wanted" >"$work/tokens" || return 0
  while read -r _ token; do
    kubectl --namespace kube-system get secret "bootstrap-token-${token%%.*}" >/dev/null 2>&1 && continue
    kubeadm_config 'bootstrapTokens:' "- token: $token" '  ttl: 2h0m0s' >"$work/token.yaml"
    kubeadm token create --config "$work/token.yaml" >/dev/null
  done <"$work/tokens"

  # kubeadm keeps the uploaded certificates for two hours.
  if [ -z "$(find "$uploaded" -mmin -60 2>/dev/null)" ]; then
    key=$(sed -n 's/^certificate-key //p' "$work/wanted")
    kubeadm_config "certificateKey: $key" >"$work/upload.yaml"
    kubeadm init phase upload-certs --upload-certs --skip-certificate-key-print --config "$work/upload.yaml" >/dev/null
    touch "$uploaded"
  fi
}

while :; do
  ask
  let_leave
  let_join
  again=$(sed -n 's/^again //p' "$work/wanted")
  [ -n "$again" ] || exit 0
  sleep "$again"
done
