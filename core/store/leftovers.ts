/** A file that was not finished. `read` gives fewer bytes where the file ends, and none where it is gone. */
export interface Leftover {
  path: string
  size: number
  read(offset: number, length: number): Promise<Uint8Array>
}

/**
 * A store whose interrupted puts leave something to read. `leftovers` finds
 * what was meant for keys right in a folder. What a running process of this
 * machine writes is left out as far as can be told; what is found may be
 * somebody's still, so none of it is to be relied on or removed.
 */
export interface KeepsLeftovers {
  leftovers(keyFolder: string): Promise<Leftover[] | undefined>
}

/** What interrupted puts left in a store for keys right in a folder; `undefined` where it keeps none. */
export async function leftoversOf(store: object, keyFolder: string): Promise<Leftover[] | undefined> {
  return keepsLeftovers(store) ? store.leftovers(keyFolder) : undefined
}

function keepsLeftovers(store: object): store is KeepsLeftovers {
  return 'leftovers' in store && typeof store.leftovers === 'function'
}
