import type { OpenstackPlacement } from '../../../resources/cluster.ts'
import { PcgError } from '../../../runtime/pcg-error.ts'
import type { NamedFlavor, NamedImage } from '../named.ts'
import type { Site } from './site.ts'

/** The placement's image, if one can boot from it now. Throws `not-found`, or `invalid` with what is in its way. */
export async function usableImage(site: Site, placement: OpenstackPlacement, signal: AbortSignal): Promise<NamedImage> {
  const image = await site.names.image(placement.image, signal)
  if (image.status === 'active') return image
  throw new PcgError('invalid', `image ${image.name} (${image.id}) is ${image.status}`, {
    subject: `image ${image.name}`,
    remedy: REMEDIES[image.status] ?? 'Name an active image in placement.image.',
  })
}

const UPLOAD = 'Wait until its upload has ended, or name an active image in placement.image.'

const REMEDIES: Readonly<Record<string, string>> = {
  queued: 'Upload its data (openstack image save shows none yet), or name an active image in placement.image.',
  saving: UPLOAD,
  uploading: UPLOAD,
  importing: UPLOAD,
  deactivated: 'Reactivate it (openstack image set --activate), or name an active image in placement.image.',
}

/** Throws `invalid` where a flavor has too little for what an image asks for. */
export function checkRoom(flavor: NamedFlavor, image: NamedImage, bootsFromVolume: boolean): void {
  const short = [
    ...(image.minRam > flavor.ram ? [`${image.minRam} MiB of memory, and the flavor has ${flavor.ram}`] : []),
    // 0 leaves the size to the image.
    ...(!bootsFromVolume && flavor.disk > 0 && image.minDisk > flavor.disk
      ? [`${image.minDisk} GiB of disk, and the flavor has ${flavor.disk}`]
      : []),
  ]
  if (short.length === 0) return
  throw new PcgError(
    'invalid',
    `flavor ${flavor.name} is too small for image ${image.name}: it asks for ${short.join('; ')}`,
    {
      subject: `flavor ${flavor.name}`,
      remedy: "Give the pool a larger flavor, or set placement.bootVolume and the pool's diskGiB.",
    },
  )
}
