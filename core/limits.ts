/** Every bound of dits in one place. Sizes are in bytes unless the name says otherwise. */

const KiB = 1024
const MiB = 1024 * KiB

/** The largest chunk that any profile may cut, and that a reader accepts. */
export const chunkBytesMax = 1 * MiB
/** The largest object other than a chunk: a node of a tree or list, a manifest, a commit, a tag. */
export const objectBytesMax = 16 * MiB
/** Rows in one node of a search tree: a node never has more, and only the last of a level has fewer than the minimum. */
export const nodeRowsMin = 16
export const nodeRowsMax = 256
/** Levels in one search tree. 16 rows at least a node: 12 levels hold more than 2^48 rows. */
export const nodeLevelsMax = 12
/** Bytes of one file or directory name in a tree. */
export const nameBytesMax = 1024
/** Directories nested in each other in one tree. */
export const treeDepthMax = 512
/** Paths that one walk over a tree meets. */
export const walkedPathsMax = 1 << 24
/** Paths that one walk may meet in directories that it has been in before: this many, and so many times those that it meets otherwise. */
export const repeatedPathsFree = 1 << 17
export const repeatedPathsFactor = 64
/** Arrays nested in each other in one MessagePack record: an object, a person or a list of parents in it, one to spare. */
export const recordDepthMax = 3
/** Items in all the arrays of one record together. */
export const recordItemsMax = 1024
/** Segments in one manifest. */
export const segmentsMax = 65_536
/** A pack is closed when it reaches this size. */
export const packBytesTarget = 64 * MiB
/** A pack is never longer than this: offsets are 32-bit. */
export const packBytesMax = 1024 * MiB
/** Records in one pack. */
export const packRecordsMax = 1 << 20
/** Packs that one look-up table may speak of: their numbers have 16 bits. */
export const lookupPacksMax = 1 << 16
/** Rows of one look-up table, which are gathered in memory at 8 bytes each. */
export const lookupRowsMax = 1 << 22
/** Rows of all look-up tables that one command may take into memory, for all its threads together. */
export const lookupSharedBytesMax = 128 * MiB
/** Packs that no look-up table speaks of before one is made for them: each of these is asked by itself. */
export const unlistedPacksMax = 32
/** Read buffer of the ingest and checkout pipelines. */
export const readBytes = 2 * MiB
/** Memory that the table of known chunks may take; beyond it the sorted indexes answer. */
export const knownTableBytesMax = 512 * MiB
/** Values that are read whole from a ByteStore: refs, configs, operation records. */
export const smallValueBytesMax = 16 * MiB
/** Parents of one commit. */
export const parentsMax = 64
/** One `.ditsignore`, `.gitignore` or `.ditsattributes` file. */
export const ruleFileBytesMax = 1 * MiB
