import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'

/** Programs that tests use as clients and servers, with the Debian package that brings each. */
export const testTools = {
  'b3sum': 'b3sum',
  'bash': 'bash',
  'ceph': 'ceph-common',
  'ceph-mon': 'ceph-mon',
  'ceph-osd': 'ceph-osd',
  'chromium': 'chromium',
  'ffmpeg': 'ffmpeg',
  'ffprobe': 'ffmpeg',
  'fish': 'fish',
  'git': 'git',
  'python3': 'python3',
  'radosgw': 'radosgw',
  'redis-server': 'redis-server',
  'setpriv': 'util-linux',
  'strace': 'strace',
  'unzip': 'unzip',
  'yamllint': 'yamllint',
  'zsh': 'zsh',
  'zstd': 'zstd',
} as const

export type TestTool = keyof typeof testTools

/** Whether a program is in the PATH. */
export function hasTool(name: TestTool): boolean {
  return (process.env['PATH'] ?? '').split(delimiter).some((folder) => isExecutable(join(folder, name)))
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK)
    return true
  } catch {
    return false
  }
}
