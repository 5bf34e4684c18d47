import { readFileSync } from 'node:fs'
import type { CloudFile } from './cloud-config.ts'

/** What runs on the machines: files of this folder's `scripts/`, the same for every machine; what differs is in `/etc/pcg`. */
export const REPORT_SCRIPT = script('report.sh')
export const BOOTSTRAP_SCRIPT = script('bootstrap.sh')
export const KUBERNETES_SCRIPT = script('kubernetes.sh')
export const JOIN_WANTED_SCRIPT = script('join-wanted.sh')
export const LEAVE_SCRIPT = script('leave.sh')

function script(name: string): CloudFile {
  const content = readFileSync(new URL(`scripts/${name}`, import.meta.url), 'utf8')
  return { path: `/usr/local/lib/pcg/${name}`, mode: '0755', content }
}

/** Reports the machine at each boot after the first, as `bootstrap.sh` does at the first. */
export const REPORT_UNIT: CloudFile = {
  path: '/etc/systemd/system/pcg-report.service',
  mode: '0644',
  content: `[Unit]
Description=Tell the gateway that this machine is up
Wants=network-online.target
After=network-online.target
ConditionPathExists=/var/lib/pcg/bootstrapped

[Service]
Type=oneshot
ExecStart=/usr/local/lib/pcg/report.sh ready

[Install]
WantedBy=multi-user.target
`,
}

/** Once a minute and spread out, since every control plane of a site asks the same gateway. */
export const JOIN_WANTED_UNITS: readonly CloudFile[] = [
  {
    path: '/etc/systemd/system/pcg-join-wanted.service',
    mode: '0644',
    content: `[Unit]
Description=Let new machines join the cluster, and take out those that leave it
Wants=network-online.target
After=network-online.target

[Service]
Type=oneshot
ExecStart=/usr/local/lib/pcg/join-wanted.sh
`,
  },
  {
    path: '/etc/systemd/system/pcg-join-wanted.timer',
    mode: '0644',
    content: `[Unit]
Description=Ask the gateway which machines join and leave the cluster

[Timer]
OnActiveSec=10s
OnUnitInactiveSec=60s
RandomizedDelaySec=20s

[Install]
WantedBy=timers.target
`,
  },
]
