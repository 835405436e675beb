/** Every bound of the protocol in one place. Sizes are in bytes unless the name says otherwise. */

const KiB = 1024
const MiB = 1024 * KiB

/** The version of the protocol that this dits speaks. */
export const protocolVersion = 1
/** One message; what is longer is refused before it is read. */
export const messageBytesMax = 1 * MiB
/** One frame of data. A peer has `silenceMs` to take it. */
export const dataFrameBytesMax = 1 * MiB
/** Messages that are not answered by data and come before a stream is taken to be hostile: so many at once, and so many a second after that. */
export const messagesBurstMax = 10_000
export const messagesPerSecondMax = 2_000
/** Ids in one message. */
export const idsPerMessageMax = 4096
/** Requests for objects that wait for their answers at the same time. */
export const requestsAhead = 4
/** Short ids in one question; the answer is a bit each. */
export const shortIdsPerMessageMax = 65_536
/** Bytes of a short id: with a thousand million objects, one in 280,000 is taken for another. */
export const shortIdBytes = 6
/** Objects that are settled, and sent, together: what a push keeps in memory at most, at 33 bytes each. */
export const candidatesMax = 262_144
/** Refs in one message, and moves in one push: as many as the items of one record allow. */
export const refsPerMessageMax = 256
export const movesMax = 240
/** What a client keeps of the names of a remote's refs, with 64 bytes for each beside its name: a million of usual length. */
export const refNamesBytesMax = 128 * MiB
/** Prefixes of refs in one question. */
export const prefixesMax = 16
/** A text for people in a message: an error, a hint. */
export const textBytesMax = 4096
/** What is said of one ref that did not move. */
export const moveTextBytesMax = 1024
/** Commits that a client names as its own in one question. */
export const havesMax = 1024
/** Commits whose parents a depth leaves behind. */
export const boundaryMax = 1_000_000
/** Objects that a receiver says it misses in one answer. */
export const missingMax = 4096
/** Times that a push sends what was missing before it gives up. */
export const repairsMax = 4096
/** The largest filter: where it would be larger, the list that it stands for is always shorter. */
export const filterBytesMax = 4 * MiB
/** Tags that name each other before they name a commit. */
export const tagDepthMax = 8
/** How long a greeting may take, and how long a peer may keep silent within a request. */
export const greetingMs = 10_000
export const silenceMs = 60_000
/** What a peer that is due to send sends at least, on the average beyond `silenceMs`. */
export const slowBytesPerSecond = 1 * KiB
/** How often a server that works on a long request says that it does. */
export const aliveMs = 15_000
/** How long a client may keep a stream open between two requests. */
export const idleMs = 10 * 60_000
/** How long a client may take to end its direction after the server has ended its own, and what it may still send then. */
export const lingerMs = 60_000
export const lingerBytesMax = 16 * MiB
/** How long a client may be between two requests while the server is stopping. */
export const stoppingIdleMs = 3000
