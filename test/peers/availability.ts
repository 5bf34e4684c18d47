/** Whether a real peer can be had on this machine, and if not, why: in words for the one who runs the tests. */
export type Availability = { readonly available: true } | { readonly available: false; readonly reason: string }

/** `look`: find what is installed. `install`: get what is missing, too, by the system's package manager. */
export type Effort = 'look' | 'install'
