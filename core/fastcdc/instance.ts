import { wasmBase64 } from './dist/wasm.js'

/** What assembly/index.ts exports; 64-bit integers are bigints here. */
export interface CutExports {
  memory: { readonly buffer: ArrayBuffer; grow(pages: number): number }
  freeMemory(): number
  configure(
    min: number, average: number, max: number, before: bigint, after: bigint, window: number, lengths: number,
  ): void
  cut(filled: number, last: number): number
}

/** A fresh instance, with a memory of its own, of the module that is compiled once a thread. */
export function instantiate(): CutExports {
  compiled ??= new WebAssembly.Module(Uint8Array.from(atob(wasmBase64), (character) => character.charCodeAt(0)))
  return new WebAssembly.Instance(compiled).exports as CutExports
}

let compiled: object | undefined

/** The part of the global that is used here: TypeScript declares it with the types of browsers only. */
declare const WebAssembly: {
  Module: new (bytes: Uint8Array) => object
  Instance: new (module: object) => { exports: unknown }
}
