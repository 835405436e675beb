import { it, type TestContext } from 'vitest'
import { hasTool, testTools, type TestTool } from './tool-list.ts'

/** A test that real programs are needed for; where one is missing it is skipped, saying which and how to get it. */
export function itWith(tools: TestTool | readonly TestTool[], name: string, run: (context: TestContext) => Promise<void> | void): void {
  it(name, async (context) => {
    const missing = [tools].flat().filter((tool) => !hasTool(tool))
    context.skip(missing.length > 0, missing.map((tool) => `needs ${tool}: apt-get install ${testTools[tool]}`).join('; '))
    await run(context)
  })
}
