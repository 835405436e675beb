import { DitsError } from '../errors.ts'
import { damaged } from './columns.ts'
import type { RecordValue } from './record.ts'

/** Who made a commit or a tag, and when. */
export interface Person {
  name: string
  email: string
  /** Milliseconds since 1970, a safe integer; negative before. */
  timeMs: number
  /** Minutes east of UTC, at most a day either way. */
  zoneMinutes: number
}

const zoneMinutesMax = 24 * 60
const badCharacter = /[\0\n\r<>]/

/** The record of a person. Throws `bad-person` for one that cannot be recorded. */
export function personToRecord(person: Person): RecordValue {
  const problem = personProblem(person)
  if (problem) throw new DitsError('bad-person', `'${person.name} <${person.email}>' cannot be recorded: ${problem}`)
  return [person.name, person.email, person.timeMs, person.zoneMinutes]
}

/** Reads a person out of a record; `what` names the object in messages. Throws `object-damaged`. */
export function personFromRecord(what: string, value: RecordValue | undefined): Person {
  if (!Array.isArray(value) || value.length !== 4) throw damaged(what, 'a person is not an array of four')
  const [name, email, timeMs, zoneMinutes] = value
  if (typeof name !== 'string' || typeof email !== 'string') throw damaged(what, 'a name is not a string')
  if (typeof timeMs !== 'number' || typeof zoneMinutes !== 'number') throw damaged(what, 'a time is not a number')
  const person = { name, email, timeMs, zoneMinutes }
  const problem = personProblem(person)
  if (problem) throw damaged(what, problem)
  return person
}

function personProblem({ name, email, timeMs, zoneMinutes }: Person): string | undefined {
  if (badCharacter.test(name) || badCharacter.test(email)) return "a name has a zero byte, a line end, '<' or '>'"
  if (!name.isWellFormed() || !email.isWellFormed()) return 'a name is not well-formed text'
  if (!Number.isSafeInteger(timeMs)) return 'its time is not a whole number of milliseconds'
  if (!Number.isSafeInteger(zoneMinutes) || Math.abs(zoneMinutes) > zoneMinutesMax) return 'its zone is out of range'
  return undefined
}
