import type { AnnouncedMove, ByteStore, Id, PackedObjects, Refs } from '#core'
import type { Peer } from './transport.ts'

/** What somebody may do in one repository; each role includes the ones before it. */
export type Role = 'read' | 'write' | 'admin'

/** Who a client says it is, and what it asks for, before anything was believed. */
export interface Greeting {
  /** The repository's name as the client wrote it: any text of at most 1024 bytes. */
  repository: string
  /** A secret; never logged. */
  token: string | undefined
  /** The client's program and version, for logs: any text of at most 256 bytes. */
  agent: string
  peer: Peer
}

/** The side that serves: which repositories there are and who may use them. */
export interface Host {
  /**
   * Opens a repository for one stream. Throws `access-denied` where there is no
   * token or a wrong one, and also where the repository does not exist or the
   * token is for others, so that names cannot be found out by trying.
   */
  open(greeting: Greeting): Promise<HostedRepository>
  /** Tells what happened on a stream: for logs and counters. */
  report(event: ServedEvent): void
  /**
   * True where clients must not see what the host's own storage says, which
   * names places on its machine, and `report` keeps it for whoever runs it.
   */
  readonly hidesFaults?: boolean
}

/** A repository as one stream sees it. `release` is called exactly once, when the stream is over. */
export interface HostedRepository {
  readonly name: string
  readonly user: string
  readonly role: Role
  /** There is no such repository; it is made when refs are moved in it. */
  readonly isNew?: boolean
  readonly store: ByteStore
  readonly objects: PackedObjects
  readonly refs: Refs
  /** The branch that a clone starts on, by its full name. */
  readHeadBranch(): Promise<string>
  /** Starts the names of the packs that this stream writes; never the same twice. */
  newSessionName(): string
  /**
   * Called before each request that may change something, where others may take
   * away what nothing refers to: what is found or stored from then on must stay
   * until `release`. Throws a DitsError where that cannot be.
   */
  beginWriting?(): Promise<void>
  /**
   * Called before anything is looked at that refs are about to reach, where
   * garbage may be collected at any time and nobody can keep it from beginning.
   */
  announceMove?(): Promise<AnnouncedMove>
  /**
   * Asked before refs move, with everything that they will reach in place.
   * Throws a DitsError where a move is not allowed.
   */
  checkMoves(moves: RefMove[]): Promise<void>
  release(): Promise<void>
}

/** A ref goes from `before` (absent: it is created) to `after` (absent: it is deleted). */
export interface RefMove {
  name: string
  before: Id | undefined
  after: Id | undefined
}

/** What happened on a stream. `fault` is the number under which a client was told of it. */
export type ServedEvent =
  | { kind: 'request'; repository: string; user: string; request: string; ms: number; bytesIn: number; bytesOut: number }
  | { kind: 'moved'; repository: string; user: string; moves: RefMove[] }
  | { kind: 'failed'; repository: string; user: string | undefined; request: string; error: unknown; fault?: string }
  | { kind: 'refused'; repository: string; user: string | undefined; peer: Peer; code: string; message: string }
