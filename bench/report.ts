import { execFileSync } from 'node:child_process'
import os from 'node:os'

/** What a benchmark found, as a table for people or as JSON. */
export interface Report {
  title: string
  columns: readonly Column[]
  rows: readonly Row[]
  /** What a reader must know to judge the figures. */
  notes?: readonly string[]
}

/** A row's cells by column; a cell that could not be measured is absent. */
export type Row = Readonly<Record<string, string | number | undefined>>

export interface Column {
  /** Names the cell in a row, and in JSON, with its unit last: 'wallMs'. */
  key: string
  label: string
  /** Digits after the point; whole numbers where it is absent. */
  digits?: number
}

/** Prints a report: JSON with `json`, otherwise a table with the machine above it. */
export function printReport(report: Report, json: boolean): void {
  const machine = describeMachine()
  if (json) {
    console.log(JSON.stringify({ title: report.title, machine, rows: report.rows, notes: report.notes ?? [] }, undefined, 2))
    return
  }
  console.log(`${report.title}\n${machine.processor}, ${machine.threads} threads, ${machine.memoryGB} GB, Node ${machine.node}, ${machine.revision}\n`)
  for (const line of tableLines(report)) console.log(line)
  for (const note of report.notes ?? []) console.log(`\n${note}`)
}

/** The rows with their columns in line, texts to the left and numbers to the right. */
export function tableLines({ columns, rows }: Report): string[] {
  const cells = rows.map((row) => columns.map((column) => cellText(row[column.key], column)))
  const table = [columns.map(({ label }) => label), ...cells]
  const isText = columns.map(({ key }) => rows.some((row) => typeof row[key] === 'string'))
  const widths = columns.map((_, i) => Math.max(...table.map((line) => line[i]!.length)))
  return table.map((line) =>
    line
      .map((cell, i) => (isText[i] ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!)))
      .join('  ')
      .trimEnd(),
  )
}

function cellText(value: string | number | undefined, { digits = 0 }: Column): string {
  if (value === undefined) return '-'
  return typeof value === 'string' ? value : value.toFixed(digits)
}

function describeMachine() {
  return {
    processor: os.cpus()[0]?.model ?? 'unknown processor',
    threads: os.availableParallelism(),
    memoryGB: Math.round(os.totalmem() / 1e9),
    node: process.versions.node,
    revision: revision(),
  }
}

/** The commit that is measured, where the sources are a clone. */
function revision(): string {
  try {
    return execFileSync('git', ['describe', '--always', '--dirty'], { cwd: import.meta.dirname, encoding: 'utf8', stdio: 'pipe' }).trim()
  } catch {
    return 'no revision'
  }
}
