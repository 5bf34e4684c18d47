/** The parts of a service's URL: `https://api.cloud/compute` + `v2.1` + project. Pure. */
import { PcgError } from '../../../runtime/pcg-error.ts'

export interface EndpointUrl {
  /** Scheme, host, port and whatever path stands before the version; no slash at its end. */
  readonly root: string
  /** `v2.1`, if the URL has one. */
  readonly version: string | undefined
  /** What follows the version, a project's id: `/8f1c…`, or nothing. */
  readonly rest: string
}

const VERSION = /^v\d+(\.\d+)*$/

/** @param subject the field of the account it comes from. */
export function splitEndpoint(text: string, subject: string): EndpointUrl {
  const url = URL.parse(text)
  if (url === null || (url.protocol !== 'http:' && url.protocol !== 'https:')) {
    throw new PcgError('invalid', `the endpoint ${text} is not an http or https URL`, {
      subject,
      remedy: `Have it corrected in keystone's catalog, or set ${subject}.`,
    })
  }
  const segments = url.pathname.split('/').filter((segment) => segment !== '')
  const at = segments.findLastIndex((segment) => VERSION.test(segment))
  const before = at < 0 ? segments : segments.slice(0, at)
  const after = at < 0 ? [] : segments.slice(at + 1)
  return {
    root: [url.origin, ...before].join('/'),
    version: at < 0 ? undefined : segments[at],
    rest: after.map((segment) => `/${segment}`).join(''),
  }
}

/** The version segment of a discovery document's link, whatever host it claims: `http://10.0.0.1:8774/v2.1/` has `v2.1`. */
export function versionSegment(href: string): string | undefined {
  const path = URL.parse(href, 'http://none')?.pathname ?? ''
  return path.split('/').findLast((segment) => VERSION.test(segment))
}

/** 2 of `v2.1`. */
export function majorOf(version: string): number {
  return Number.parseInt(version.replace(/^v/, ''), 10)
}

/** Keystone's v3, of a URL with or without it. */
export function keystoneUrl(authUrl: string): string {
  return `${splitEndpoint(authUrl, 'spec.authUrl').root}/v3`
}
