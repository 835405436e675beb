import { describe, expect, it } from 'vitest'
import { formatConfig, mergeConfigs, parseConfig, setInConfig, unsetInConfig, type Config } from './config.ts'

const parse = (text: string): Config => parseConfig(text, 'config')

describe('a configuration', () => {
  it('is lines of keys and values, with comments and empty lines between', () => {
    const config = parse('# mine\n\nuser.name = Ada Lovelace\n  user.email=ada@example.org  \n\t# more\ncore.color = #ff0000\nempty.value =\n')
    expect(config.settings().map(({ key, value, line }) => [key, value, line])).toEqual([
      ['core.color', '#ff0000', 6],
      ['empty.value', '', 7],
      ['user.email', 'ada@example.org', 4],
      ['user.name', 'Ada Lovelace', 3],
    ])
    expect(config.get('user.none')).toBeUndefined()
  })

  it('may end without a newline, start with a byte order mark, and have line ends of Windows', () => {
    expect(parse('\ufeffa.b = 1\r\nc.d = x = y').settings().map(({ key, value }) => [key, value])).toEqual([['a.b', '1'], ['c.d', 'x = y']])
  })

  it('takes values in quotes, so that spaces at the ends and newlines survive', () => {
    expect(parse('a.b = "  two\\nlines \\u00fc "').get('a.b')).toBe('  two\nlines ü ')
  })

  it('takes keys with names of remotes and branches in the middle', () => {
    expect(parse('remote.origin.url = x\nbranch.feature/ü.remote = y').settings().map(({ key }) => key)).toEqual(['branch.feature/ü.remote', 'remote.origin.url'])
  })

  it('lets the later of two lines count', () => {
    expect(parse('a.b = 1\na.b = 2').get('a.b')).toBe('2')
  })

  for (const line of ['garbage', 'nosection = 1', '= 1', 'a. = 1', '.b = 1', 'a..b = 1', 'a b.c = 1', '[section]', 'a.b = "open', 'a.b = "x" y', '\0\0\0']) {
    it(`is damaged where a line is ${JSON.stringify(line)}, and says which`, () => {
      expect(() => parseConfig(`a.b = 1\n# fine\n${line}\n`, '/x/config')).toThrow(
        expect.objectContaining({ code: 'config-damaged', message: "line 3 of '/x/config' is not a setting", hint: expect.any(String) }),
      )
    })
  }
})

describe('typed settings', () => {
  it('are booleans in the usual words', () => {
    for (const word of ['true', 'yes', 'on', '1', 'TRUE']) expect(parse(`a.b = ${word}`).getBool('a.b'), word).toBe(true)
    for (const word of ['false', 'no', 'off', '0', 'No']) expect(parse(`a.b = ${word}`).getBool('a.b'), word).toBe(false)
  })

  it('are whole numbers', () => {
    for (const [text, number] of [['0', 0], ['42', 42], ['-7', -7], ['+7', 7]] as const) expect(parse(`a.b = ${text}`).getInt('a.b')).toBe(number)
  })

  it('are sizes in bytes', () => {
    const sizes = [['0', 0], ['512', 512], ['10M', 10 * 2 ** 20], ['1k', 1024], ['1.5K', 1536], ['2 GiB', 2 ** 31], ['3TB', 3 * 2 ** 40], ['7B', 7]] as const
    for (const [text, bytes] of sizes) expect(parse(`a.b = ${text}`).getSize('a.b'), text).toBe(bytes)
  })

  const bad: [keyof Config & ('getBool' | 'getInt' | 'getSize'), string[]][] = [
    ['getBool', ['', 'maybe', '2']],
    ['getInt', ['', '1.5', '1e3', 'x', '0x10', '99999999999999999999']],
    ['getSize', ['', '-1', 'M', '10X', '1.M', '9999999999T', 'Infinity']],
  ]
  for (const [getter, values] of bad) {
    for (const value of values) {
      it(`refuse '${value}' in ${getter}, naming key, line and source`, () => {
        const config = parseConfig(`\na.b = ${value}`, 'mine')
        expect(() => config[getter]('a.b')).toThrow(
          expect.objectContaining({ code: 'bad-config', message: expect.stringContaining(`'a.b' is '${value}' in line 2 of 'mine', not `), hint: expect.stringContaining('a.b') }),
        )
      })
    }
  }

  it('are undefined where they are not set', () => {
    expect([parse('').getBool('a.b'), parse('').getInt('a.b'), parse('').getSize('a.b')]).toEqual([undefined, undefined, undefined])
  })
})

describe('layers of configuration', () => {
  it('give the setting of the last layer that has it, and say where a wrong one is', () => {
    const layers = [parseConfig('a.x = 1\na.y = 1\na.z = 1', 'defaults'), parseConfig('a.y = 2\n\na.z = 2', 'user'), parseConfig('a.z = three', 'repository')]
    const config = mergeConfigs(layers)
    expect(['a.x', 'a.y', 'a.z'].map((key) => config.get(key))).toEqual(['1', '2', 'three'])
    expect(() => config.getInt('a.z')).toThrow("line 1 of 'repository'")
    expect(mergeConfigs([]).settings()).toEqual([])
  })
})

describe('editing', () => {
  const text = '# people\nuser.name = Ada\n\n# remotes\nremote.a.url = x\n#remote.a.url = y\nuser.email = a@b\n'

  it('replaces a line where the key is set', () => {
    expect(setInConfig(text, 'user.name', 'Bea', 'config')).toBe(text.replace('Ada', 'Bea'))
  })

  it('adds a line to the section, or at the end', () => {
    expect(setInConfig(text, 'remote.a.fetch', 'z', 'config')).toBe(text.replace('= x\n', '= x\nremote.a.fetch = z\n'))
    expect(setInConfig(text, 'core.new', 'z', 'config')).toBe(`${text}core.new = z\n`)
    expect(setInConfig('', 'core.new', 'z', 'config')).toBe('core.new = z\n')
    expect(setInConfig('a.b = 1', 'core.new', 'z', 'config')).toBe('a.b = 1\ncore.new = z\n')
  })

  it('leaves one line where there were two, also where they were alike', () => {
    expect(setInConfig('a.b = 1\nc.d = 1\na.b = 2\n', 'a.b', '3', 'config')).toBe('c.d = 1\na.b = 3\n')
    expect(setInConfig('a.b = 1\na.b = 1\n', 'a.b', '3', 'config')).toBe('a.b = 3\n')
  })

  it('removes a setting and nothing else', () => {
    expect(unsetInConfig(text, 'remote.a.url', 'config')).toBe(text.replace('remote.a.url = x\n', ''))
    expect(unsetInConfig(text, 'not.there', 'config')).toBe(text)
  })

  it('keeps the line ends of Windows', () => {
    expect(setInConfig('a.b = 1\r\nc.d = 2\r\n', 'a.b', '3', 'config')).toBe('a.b = 3\r\nc.d = 2\r\n')
  })

  it('gives back every value that was set', () => {
    for (const value of ['', ' ', 'x', ' x ', '"', '"x"', 'a\nb', '#x', '= =', '\t', 'ünï 🎬', '\\', 'a\0b', '\r', '\ufeff', 'a\u2028b']) {
      expect(parse(setInConfig('# x\n', 'a.b', value, 'config')).get('a.b'), JSON.stringify(value)).toBe(value)
      expect(parse(formatConfig([['c.d', '1'], ['a.b', value]])).get('a.b'), JSON.stringify(value)).toBe(value)
    }
  })

  it('refuses what cannot be a key, and to touch a damaged text', () => {
    for (const key of ['', 'x', 'a.b c', 'a.', 'a.b=c', 'a.b\nc']) {
      expect(() => setInConfig('', key, '1', 'config'), key).toThrow(expect.objectContaining({ code: 'bad-config' }))
    }
    expect(() => setInConfig('garbage', 'a.b', '1', 'config')).toThrow(expect.objectContaining({ code: 'config-damaged' }))
    expect(() => unsetInConfig('garbage', 'a.b', 'config')).toThrow(expect.objectContaining({ code: 'config-damaged' }))
  })
})
