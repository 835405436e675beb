import type { Index } from './index-file.ts'

/**
 * What a folder of an index holds, in order of name: a cursor over its entries
 * and the folders in it; with `only`, over the child of that name alone.
 */
export class IndexChildren {
  /** The name of the current child; `undefined` behind the last. */
  name: string | undefined
  /** The number of the current child where it is a folder. */
  folder: number | undefined
  /** The number of the current child where it is an entry, or of the first entry below a folder. */
  entry: number
  readonly #index: Index
  readonly #entryEnd: number
  readonly #folderEnd: number
  #nextFolder: number
  #isOnly = false

  constructor(index: Index, folder: number, only?: string) {
    this.#index = index
    this.entry = index.firstEntry(folder)
    this.#entryEnd = index.entryEnd(folder)
    this.#nextFolder = folder + 1
    this.#folderEnd = index.folderEnd(folder)
    this.#read()
    if (only === undefined) return
    while (this.name !== undefined && this.name < only) this.next()
    this.#isOnly = true
    if (this.name !== only) this.name = undefined
  }

  next(): void {
    if (this.folder === undefined) this.entry++
    else {
      this.entry = this.#index.entryEnd(this.folder)
      this.#nextFolder = this.#index.folderEnd(this.folder)
    }
    this.#read()
  }

  #read(): void {
    const index = this.#index
    this.name = undefined
    this.folder = undefined
    if (this.#isOnly || this.entry >= this.#entryEnd) return
    if (this.#nextFolder < this.#folderEnd && index.firstEntry(this.#nextFolder) === this.entry) {
      this.folder = this.#nextFolder
      this.name = index.folderName(this.folder)
    } else this.name = index.nameAt(this.entry)
  }
}
