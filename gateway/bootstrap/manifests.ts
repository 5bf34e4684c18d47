import type { ProfileLayers } from '../../resources/cluster-profile.ts'
import type { CloudFile } from './cloud-config.ts'

const FOLDER = '/etc/pcg/manifests'

/**
 * What the machine that makes the cluster applies then: the layers' manifests as files, and the list of them and of URLs
 * in the order in which they are applied: network, storage, add-ons.
 */
export function manifestFiles(layers: ProfileLayers): CloudFile[] {
  const given = [layers.cni, layers.csi, ...layers.addons].filter((layer) => layer !== undefined)
  const files: CloudFile[] = []
  const list: string[] = []
  given.forEach((layer, index) => {
    if (layer.manifest !== undefined) {
      const slug = layer.name.toLowerCase().replace(/[^a-z0-9]+/g, '-')
      const path = `${FOLDER}/${String(index + 1).padStart(2, '0')}-${slug}.yaml`
      files.push({ path, mode: '0600', content: layer.manifest, compress: true })
      list.push(path)
    }
    if (layer.manifestUrl !== undefined) list.push(layer.manifestUrl)
  })
  if (list.length > 0) files.push({ path: '/etc/pcg/manifests.list', mode: '0600', content: `${list.join('\n')}\n` })
  return files
}
