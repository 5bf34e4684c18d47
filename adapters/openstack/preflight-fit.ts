/** Whether an image, a flavor and disks go together, before nova finds out. Pure. */
import type { Finding } from '../../resources/query.ts'
import type { MachineSpec } from '../adapter.ts'
import type { NamedFlavor, NamedImage } from './named.ts'

const GIB = 1024 ** 3
/** Nova's limit for user-data, in base64. */
const USER_DATA_LIMIT = 65_535

/** What glance's states of an image mean for who wants to boot from it. */
const STATES: Readonly<Record<string, string>> = {
  queued: 'Upload its data, or name another image.',
  saving: 'Wait until its upload has ended.',
  uploading: 'Wait until its upload has ended.',
  importing: 'Wait until its import has ended.',
  deactivated: 'Have an administrator run `openstack image set --activate` on it, or name another image.',
}

export function imageFindings(image: NamedImage): Finding[] {
  if (image.status === 'active') return []
  return [
    {
      severity: 'error',
      subject: `image ${image.name || image.id}`,
      message: `is ${image.status}, and machines can be made only from an active one`,
      remedy: STATES[image.status] ?? 'Name another image.',
    },
  ]
}

export interface Fit {
  readonly image: NamedImage
  readonly flavor: NamedFlavor
  readonly bootVolume: boolean
  /** Of the boot volume. */
  readonly diskGiB: number | undefined
  /** May use a flavor without a disk; by nova's default only administrators may. */
  readonly administrator: boolean
}

/** At most one finding for memory and one for the disk. */
export function fitFindings(fit: Fit): Finding[] {
  const { image, flavor } = fit
  const memory: Finding[] =
    flavor.ram >= image.minRam
      ? []
      : [
          {
            severity: 'error',
            subject: `flavor ${flavor.name}`,
            message: `has ${flavor.ram} MiB of memory, and image ${image.name} needs ${image.minRam}`,
            remedy: 'Name a larger flavor, or another image.',
          },
        ]
  return [...memory, ...(fit.bootVolume ? volumeFindings(fit) : flavorDiskFindings(fit))]
}

function volumeFindings({ image, diskGiB = 0 }: Fit): Finding[] {
  const least = leastGiB(image)
  if (diskGiB >= least) return []
  return [
    {
      severity: 'error',
      subject: 'diskGiB',
      message: `is ${diskGiB}, and image ${image.name} needs ${least} GiB`,
      remedy: `Set diskGiB to ${least} or more.`,
    },
  ]
}

function flavorDiskFindings({ image, flavor, administrator }: Fit): Finding[] {
  const subject = `flavor ${flavor.name}`
  if (flavor.disk === 0) {
    if (administrator) return []
    return [
      {
        severity: 'error',
        subject,
        message: 'has no disk of its own, and nova lets only administrators boot an image with such a flavor',
        remedy: 'Set placement.bootVolume and diskGiB, or name a flavor with a disk.',
      },
    ]
  }
  const least = leastGiB(image)
  if (flavor.disk >= least) return []
  return [
    {
      severity: 'error',
      subject,
      message: `has a disk of ${flavor.disk} GiB, and image ${image.name} needs ${least}`,
      remedy: 'Name a larger flavor, or set placement.bootVolume and diskGiB.',
    },
  ]
}

/** What the image asks for, and what its data need: a compressed one needs more than its file. */
function leastGiB({ minDisk, size, virtualSize }: NamedImage): number {
  return Math.max(minDisk, Math.ceil(Math.max(size ?? 0, virtualSize ?? 0) / GIB))
}

/** One for all machines that say too much. */
export function userDataFindings(machines: readonly MachineSpec[]): Finding[] {
  const largest = Math.max(0, ...machines.map(({ userData }) => base64Length(userData)))
  if (largest <= USER_DATA_LIMIT) return []
  return [
    {
      severity: 'error',
      subject: 'user-data',
      message: `is ${largest} bytes in base64, and nova takes ${USER_DATA_LIMIT}`,
      remedy: 'Shorten what the profile adds to cloud-init.',
    },
  ]
}

function base64Length(text: string): number {
  return Math.ceil(Buffer.byteLength(text) / 3) * 4
}
