#!/bin/bash
# Makes this machine a member of its cluster with kubeadm. May be run again after it failed.
set -euo pipefail
# shellcheck source=/dev/null
. /etc/pcg/machine.env
export KUBECONFIG=/etc/kubernetes/admin.conf
JOIN_PATIENCE_SECONDS=3600

log() { echo "$(date -u +%FT%TZ) $*"; }

prepare_kernel() {
  log 'preparing the kernel'
  swapoff -a
  sed -i '/^[^#].*[[:space:]]swap[[:space:]]/s/^/#/' /etc/fstab
  modprobe overlay
  modprobe br_netfilter
  sysctl --quiet --system
}

# The image may have everything; only what is missing is fetched.
install_kubernetes() {
  if command -v kubelet containerd >/dev/null &&
    [ "$(kubeadm version -o short 2>/dev/null)" = "v$KUBERNETES_VERSION" ]; then
    return
  fi
  log "installing containerd and Kubernetes $KUBERNETES_VERSION"
  if command -v apt-get >/dev/null; then
    install_by_apt
  elif command -v dnf >/dev/null; then
    install_by_dnf
  else
    log "the image has no kubeadm $KUBERNETES_VERSION, and neither apt-get nor dnf to install it"
    return 1
  fi
}

install_by_apt() {
  local repository="https://pkgs.k8s.io/core:/stable:/v${KUBERNETES_VERSION%.*}/deb/"
  export DEBIAN_FRONTEND=noninteractive
  install -d -m 0755 /etc/apt/keyrings
  curl --fail --silent --show-error --location --retry 10 --retry-connrefused \
    --output /etc/apt/keyrings/kubernetes.asc "${repository}Release.key"
  chmod 0644 /etc/apt/keyrings/kubernetes.asc
  echo "deb [signed-by=/etc/apt/keyrings/kubernetes.asc] $repository /" >/etc/apt/sources.list.d/kubernetes.list
  chmod 0644 /etc/apt/sources.list.d/kubernetes.list
  local apt=(apt-get -o DPkg::Lock::Timeout=600 -o Acquire::Retries=5)
  "${apt[@]}" update
  "${apt[@]}" install -y containerd "kubelet=$KUBERNETES_VERSION-*" "kubeadm=$KUBERNETES_VERSION-*" "kubectl=$KUBERNETES_VERSION-*"
  apt-mark hold kubelet kubeadm kubectl
}

install_by_dnf() {
  local repository="https://pkgs.k8s.io/core:/stable:/v${KUBERNETES_VERSION%.*}/rpm/"
  printf '%s\n' '[kubernetes]' 'name=Kubernetes' "baseurl=$repository" 'enabled=1' 'gpgcheck=1' \
    "gpgkey=${repository}repodata/repomd.xml.key" >/etc/yum.repos.d/kubernetes.repo
  dnf install -y dnf-plugins-core
  dnf config-manager --add-repo https://download.docker.com/linux/centos/docker-ce.repo
  dnf install -y containerd.io "kubelet-$KUBERNETES_VERSION" "kubeadm-$KUBERNETES_VERSION" "kubectl-$KUBERNETES_VERSION"
}

configure_containerd() {
  log 'configuring containerd'
  mkdir -p /etc/containerd
  # kubelet and containerd must name the same cgroup driver, which on systemd is systemd.
  containerd config default | sed 's/SystemdCgroup = false/SystemdCgroup = true/' >/etc/containerd/config.toml
  systemctl enable containerd kubelet
  systemctl restart containerd
}

# While the first control-plane machine is being made only super-admin.conf has rights (since 1.29): the copy that runs
# during init uses that, and admin.conf afterwards.
place_kube_vip() {
  [ -e /etc/pcg/kube-vip.yaml ] || return 0
  local credentials=$1
  mkdir -p /etc/kubernetes/manifests
  sed "s#path: /etc/kubernetes/admin.conf#path: /etc/kubernetes/$credentials#" /etc/pcg/kube-vip.yaml \
    >/etc/kubernetes/manifests/kube-vip.yaml
}

init() {
  if [ -e /etc/kubernetes/admin.conf ] && kubectl get --raw /readyz >/dev/null 2>&1; then
    log 'the cluster is there already'
  else
    log 'making the cluster'
    place_kube_vip "$INIT_CREDENTIALS"
    kubeadm init --config /etc/pcg/kubeadm.yaml --upload-certs --skip-token-print --skip-certificate-key-print
  fi
  place_kube_vip admin.conf
  apply_manifests
}

apply_manifests() {
  [ -e /etc/pcg/manifests.list ] || return 0
  local manifest try
  while read -r manifest; do
    log "applying $manifest"
    for try in $(seq 1 30); do
      kubectl apply --server-side --force-conflicts -f "$manifest" && continue 2
      log "could not apply it (try $try)"
      sleep 10
    done
    return 1
  done </etc/pcg/manifests.list
}

# The first control-plane machine may still be booting, and etcd takes one new member at a time.
join() {
  local ends=$((SECONDS + JOIN_PATIENCE_SECONDS))
  log 'joining the cluster'
  until kubeadm join --config /etc/pcg/kubeadm.yaml; do
    if ((SECONDS >= ends)); then
      log "could not join the cluster within $((JOIN_PATIENCE_SECONDS / 60)) minutes"
      return 1
    fi
    kubeadm reset --force >/dev/null 2>&1 || true
    sleep $((10 + RANDOM % 20))
    log 'trying to join again'
  done
  if [ "$ROLE" = control-plane ]; then place_kube_vip admin.conf; fi
}

await_kubelet() {
  local try
  for try in $(seq 1 60); do
    if curl --silent --fail --max-time 5 http://127.0.0.1:10248/healthz >/dev/null; then return; fi
    sleep 5
  done
  log "kubelet is not healthy after $try tries"
  return 1
}

prepare_kernel
install_kubernetes
configure_containerd
case $ROLE in
  init) init ;;
  *) [ -e /etc/kubernetes/kubelet.conf ] || join ;;
esac
await_kubelet
if [ "$ROLE" != worker ]; then systemctl enable --now pcg-join-wanted.timer; fi
log 'done'
