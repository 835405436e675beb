import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { seedFrom } from '../../fixtures/noise.ts'
import { createRandom } from '../../fixtures/random.ts'
import { runDits, startDits, type RunResult } from '../serve-process.ts'

/** People at work, each with a home folder of their own, which is also where their clones lie. */
export class People {
  readonly folder = mkdtempSync(join(tmpdir(), 'dits-people-'))
  /** Halves what a start from the sources takes. */
  readonly variables: Record<string, string> = { NO_COLOR: '1', NODE_COMPILE_CACHE: join(this.folder, 'compiled') }

  at(...names: string[]): string {
    return join(this.folder, ...names)
  }

  run(person: string, line: string): Promise<RunResult> {
    return runDits(line.split(' '), { home: this.at(person), variables: this.variables })
  }

  start(person: string, line: string): ReturnType<typeof startDits> {
    return startDits(line.split(' '), { home: this.at(person), variables: this.variables })
  }

  /** What a command printed that has to succeed. */
  async must(person: string, line: string): Promise<string> {
    const { stdout, stderr, exitCode } = await this.run(person, line)
    if (exitCode !== 0) throw new Error(`${person}: dits ${line} ended with ${exitCode}: ${stdout}${stderr}`)
    return stdout
  }

  /** The last value that a command prints with `--json`, and how it ended. */
  async json(person: string, line: string): Promise<{ exitCode: number; value: Record<string, unknown> & { error?: { code: string; message: string; hint: string } } }> {
    const { stdout, exitCode } = await this.run(person, `${line} --json`)
    return { exitCode, value: JSON.parse(stdout.trim().split('\n').at(-1)!) }
  }

  write(path: string, content: string | Uint8Array): void {
    mkdirSync(dirname(this.at(path)), { recursive: true })
    writeFileSync(this.at(path), content)
  }

  /** Adds and commits all that lies in a working tree. */
  async commit(person: string, repo: string, message: string): Promise<void> {
    await this.must(person, `-C ${repo} add -q .`)
    await this.must(person, `-C ${repo} commit -q -m ${message}`)
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true })
  }
}

/** Bytes that do not compress and are the same in every run. */
export function media(bytes: number, seed: string): Uint8Array {
  return createRandom(seedFrom(seed)).bytes(bytes)
}
