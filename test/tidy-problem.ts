/** Something that the style of the project forbids, and what to do about it. */
export interface Problem {
  /** Relative to the root of the project. */
  file: string
  line: number
  message: string
  remedy: string
}

/** A problem as a line that editors can jump to. */
export function problemText({ file, line, message, remedy }: Problem): string {
  return `${file}:${line}: ${message}; ${remedy}`
}

/** True where a file is there for tests, and so need not be documented, short in its suites, or part of a layer. */
export function isTestFile(file: string): boolean {
  return /[.-](test|fixture)\.ts$/.test(file) || file.startsWith('test/')
}

/** True where a file is part of dits, rather than of what tests, measures or builds it. */
export function isProductFile(file: string): boolean {
  return /^(core|cli|protocol|server|vfs|handlers)\//.test(file) && !isTestFile(file) && !/^cli\/(build\/|demo[./])/.test(file)
}
