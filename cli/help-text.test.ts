import { expect, it } from 'vitest'
import { createColors } from './colors.ts'
import { verbHelpText } from './help-text.ts'
import { listVerbs, loadCommand } from './verbs.ts'

const columns = 100

it('the help of every verb fits a terminal of 100 columns', async () => {
  for (const { name } of await listVerbs()) {
    const text = await verbHelpText((await loadCommand(name))!, columns, createColors(false))
    expect(text.split('\n').filter((line) => line.length > columns), name).toEqual([])
  }
})

it.each(['serve', 'server'])('the help of %s names the variable that says where its data lie', async (name) => {
  expect(await verbHelpText((await loadCommand(name))!, columns, createColors(false))).toContain('DITS_SERVER_DATA')
})
