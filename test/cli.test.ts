import { globSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { beforeAll, describe, expect, it } from 'vitest'
import { prepare } from '../cli/build/prepare.ts'
import { compareOutput, openTranscriptFolder, parseTranscript } from './transcript.ts'

const folder = fileURLToPath(new URL('cli', import.meta.url))

describe('the command line', () => {
  // Transcripts run the launcher, which runs the bundle; it must be of these sources.
  beforeAll(prepare)

  for (const file of globSync('*.txt', { cwd: folder }).sort()) {
    it(`does what test/cli/${file} shows`, () => {
      const place = openTranscriptFolder()
      const bindings = new Map<string, string>()
      try {
        for (const step of parseTranscript(readFileSync(`${folder}/${file}`, 'utf8'))) {
          const { output, exitCode } = place.run(step.command)
          const where = `test/cli/${file}:${step.line}: $ ${step.command}`
          const difference = compareOutput(step.expected, output, bindings)
          if (difference !== undefined) throw new Error(`${where}\n${difference}`)
          expect(exitCode, `exit code of ${where}`).toBe(step.exitCode)
        }
      } finally {
        place.remove()
      }
    })
  }
})
