import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const launcher = fileURLToPath(new URL('../cli/bin/dits', import.meta.url))

/** Runs a program at a terminal of its own, answers what it asks, and ends as it does. */
const script = `
import json, os, pty, sys
answers, program = json.loads(sys.argv[1]), sys.argv[2:]
child, terminal = pty.fork()
if child == 0: os.execvp(program[0], program)
shown = seen = b''
while True:
    try: piece = os.read(terminal, 4096)
    except OSError: break
    if not piece: break
    shown += piece
    seen += piece
    if answers and answers[0][0].encode() in seen:
        seen = b''
        os.write(terminal, answers.pop(0)[1].encode())
sys.stdout.buffer.write(shown)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
`

/**
 * Runs dits at a terminal, in a home folder of its own. `answers` are typed one
 * after the other, each when its question has been shown. Answers all that the
 * terminal showed. Needs python3.
 */
export async function runAtTerminal(args: readonly string[], { home, answers }: { home: string; answers: readonly (readonly [question: string, typed: string])[] }): Promise<{ shown: string; exitCode: number }> {
  mkdirSync(home, { recursive: true })
  const child = spawn('python3', ['-c', script, JSON.stringify(answers), launcher, ...args], {
    cwd: home,
    env: { ...process.env, DITS_DEV: '1', HOME: home, XDG_CONFIG_HOME: join(home, 'config'), NO_COLOR: '1' },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let shown = ''
  child.stdout.on('data', (piece: Buffer) => (shown += piece.toString()))
  const [exitCode] = (await once(child, 'close')) as [number]
  return { shown: shown.replaceAll('\r\n', '\n'), exitCode }
}
