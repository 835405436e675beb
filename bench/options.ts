import { parseArgs } from 'node:util'

/** What every benchmark takes from its command line. */
export interface BenchOptions {
  /** A folder to measure with; without it the material is generated. */
  folder: string | undefined
  json: boolean
  rounds: number
  seed: number
  /** Bytes to generate, or to take from the folder. */
  sizes: number[]
  /** Where temporary files go; the system's folder for them without it. */
  scratch: string | undefined
}

const units: Record<string, number> = { '': 1, k: 1e3, M: 1e6, G: 1e9, T: 1e12 }

/** Reads the command line; prints `usage` and ends the program where it asks for help or is wrong. */
export function readOptions(usage: string, defaults: { rounds: number; sizes: string }): BenchOptions {
  try {
    const { values, positionals } = parseArgs({
      allowPositionals: true,
      options: {
        json: { type: 'boolean', default: false },
        rounds: { type: 'string', default: String(defaults.rounds) },
        seed: { type: 'string', default: '1' },
        size: { type: 'string', default: defaults.sizes },
        scratch: { type: 'string' },
        help: { type: 'boolean', short: 'h', default: false },
      },
    })
    if (values.help) end(usage, 0)
    return {
      folder: positionals[0],
      json: values.json,
      rounds: positiveInteger(values.rounds),
      seed: positiveInteger(values.seed),
      sizes: values.size.split(',').map(parseSize),
      scratch: values.scratch,
    }
  } catch (error) {
    return end(`${error instanceof Error ? error.message : String(error)}\n\n${usage}`, 2)
  }
}

/** Bytes of '500M', '1.5G' or a plain number; units are powers of 1000. Throws a RangeError for anything else. */
export function parseSize(text: string): number {
  const [, number, unit] = /^(\d+(?:\.\d+)?)([kMGT]?)B?$/.exec(text.trim()) ?? []
  if (number === undefined) throw new RangeError(`'${text}' is no size such as 500M or 1.5G`)
  return Math.round(Number(number) * units[unit ?? '']!)
}

function positiveInteger(text: string): number {
  if (!/^[1-9]\d*$/.test(text)) throw new RangeError(`'${text}' is no positive number`)
  return Number(text)
}

function end(text: string, code: number): never {
  console.error(text)
  process.exit(code)
}
