import { describe, expect, it } from 'vitest'
import { DitsError } from '#core'
import { createLog, type LogOptions } from './log.ts'
import { createSecret } from './token-secret.ts'

function collect(options: Partial<LogOptions> = {}) {
  const lines: string[] = []
  const log = createLog({ write: (line) => lines.push(line), format: 'readable', now: () => Date.parse('2026-01-01T12:00:00Z'), ...options })
  return { lines, log }
}

describe('the log', () => {
  it('has one readable line for each event', () => {
    const { lines, log } = collect()
    log.info({ repository: 'studio/film', ms: 12, note: 'two words' }, 'request')
    expect(lines).toEqual(['2026-01-01T12:00:00.000Z info  request repository=studio/film ms=12 note="two words"\n'])
  })

  it('is JSON for programs', () => {
    const { lines, log } = collect({ format: 'json' })
    log.warn({ repository: 'studio/film' }, 'refused')
    expect(JSON.parse(lines[0]!)).toEqual({ time: '2026-01-01T12:00:00.000Z', level: 'warn', msg: 'refused', repository: 'studio/film' })
  })

  it('tells where an error comes from', () => {
    const { lines, log } = collect({ format: 'json' })
    log.error({ error: new DitsError('store-io', `cannot read 'x'`, { cause: new Error('EIO') }) }, 'failed')
    expect(JSON.parse(lines[0]!).error).toMatchObject({ code: 'store-io', message: `cannot read 'x'`, cause: { message: 'EIO' } })
  })

  it.each(['json', 'readable'] as const)('never holds a token, nor a second line (%s)', (format) => {
    const { lines, log } = collect({ format })
    const secret = createSecret()
    log.warn({ repository: `${secret}\n\x1b[2J\u2028\u202e`, error: new Error(`no ${secret}`) }, `refused ${secret}`)
    expect(lines).toHaveLength(1)
    expect(lines[0]).not.toContain(secret.slice(5))
    expect(lines[0]!.slice(0, -1)).not.toMatch(format === 'json' ? /[\n\x1b]/ : /[\n\x1b\u2028\u202e]/)
  })

  it.each([['debug', 3], [undefined, 2], ['warn', 1]] as const)('says as much as it is to: %s', (level, count) => {
    const { lines, log } = collect(level === undefined ? {} : { level })
    log.debug({}, 'request')
    log.info({}, 'moved')
    log.warn({}, 'refused')
    expect(lines).toHaveLength(count)
  })
})
