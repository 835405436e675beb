/**
 * The door of core: what handlers, protocol, vfs and server may use. The
 * command line composes core itself and imports its modules directly.
 */

// Errors, names and bytes
export { DitsError, hasCode, isErrno } from './errors.ts'
export * as limits from './limits.ts'
export { baseName, comparePaths, joinPath, parentPath, pathFromBytes, pathFromText, pathToBuffer, pathToFs, pathToText, rootPath, type BytePath } from './bytes.ts'
export { blake3, blake3Text, createBlake3, type RunningHash } from './hash.ts'

// Objects
export { hashObject, idFromBytes, idToBytes, kindCodes, kindOfCode, parseId, type Id, type ObjectKind } from './objects/id.ts'
export type { Emit, ObjectReader, ObjectWriter } from './objects/object-io.ts'
export { sameEntry, type EntryContent, type EntryKind, type TreeEntry } from './objects/tree-entry.ts'
export { entryAtPath, findEntry, readTree, TreeBuilder } from './objects/tree.ts'
export { diffTrees, walkTree, type TreeChange } from './objects/tree-walk.ts'
export { ChunkListBuilder, diffChunkLists, readChunks, type ChunkRef } from './objects/chunk-list.ts'
export { assertReadable, decodeManifest, encodeManifest, type Manifest, type ProfileName, type Segment } from './objects/manifest.ts'
export { decodeCommit, encodeCommit, type Commit, type Person } from './objects/commit.ts'
export { decodeTag, encodeTag, type Tag } from './objects/tag.ts'
export { referencesOf } from './objects/references.ts'
export { decodeRecord, encodeRecord, type RecordValue } from './objects/record.ts'
export { decodeListNode, decodeListRoot, listRowId, type ListNode } from './objects/list-node.ts'
export { decodeTreeNode, type TreeNode } from './objects/tree-node.ts'
export { diffDirectory, type EntryChange } from './objects/tree-diff.ts'
export { WalkLimit } from './objects/walk-limit.ts'

// Storage
export type { ByteRange, ByteStore, PutCondition, Stored } from './store/byte-store.ts'
export { DiskStore } from './store/disk-store.ts'
export { MemoryStore } from './store/memory-store.ts'
export { PrefixStore } from './store/prefix-store.ts'
export { ReadOnlyStore } from './store/read-only-store.ts'
export { checkKey, checkKeyPrefix, isKey, rangeLength } from './store/key.ts'
export { checkWholeRead } from './store/store-error.ts'
export { createFolder, linkIfAbsent, syncFolder, writeDurably } from './store/durable-files.ts'
export { acquireFileLock, type FileLock } from './store/file-lock.ts'
export { openRecord, PackedObjects } from './pack/packed-objects.ts'
export type { Located } from './pack/pack-set.ts'
export { readRecordHeader, recordCheckHolds, recordHeaderBytes, type RecordHeader } from './pack/pack-format.ts'
export { PackWriter } from './pack/pack-writer.ts'
export { salvagePacks, type SalvageReport } from './pack/salvage.ts'
export { beginWriting, PackedWriter, type WriteSession } from './pack/packed-writer.ts'
export { ContentReader, type ContentRange } from './checkout/content-reader.ts'

// Names and history
export { checkRefName, createRefs, type Head, type Refs } from './refs/refs.ts'
export { branchSettings, trackingName, upstreamOf, type Upstream } from './refs/upstream.ts'
export { parseCommit, parseRange, parseRevision, type RevisionContext } from './refs/rev-parse.ts'
export { walkCommits, type WalkedCommit } from './history/walk.ts'
export { readCommit } from './history/paint.ts'
export { aheadBehind, isAncestor, mergeBases } from './history/ancestry.ts'
export { changesBetween, type Change } from './history/changes.ts'
export type { ContentMerger } from './history/merge-trees.ts'

// Partial and shallow repositories
export { formatFilter, matches as matchesFilter, parseFilter, type ContentFilter } from './ghosts/filter.ts'
export type { BringOptions, ContentSource } from './ghosts/content-source.ts'
export { bringContent, bringIdsMax, contentIsHere, type FileContent } from './ghosts/hydrate-content.ts'
export { filtersOf, isPartial, isWanted, type RemoteFilter } from './ghosts/partial.ts'
export { changeShallow, readShallow } from './history/shallow.ts'

// Repositories
export { closeRepo, findRepoRoot, holdsRepository, initRepo, initStore, newSessionName, openRepo, withLock, type Environment, type Progress, type Repo } from './repo.ts'
export { changeConfig, changeConfigLocked } from './change-config.ts'
export { setInConfig, unsetInConfig, type Config } from './config.ts'
export { holdTransfer, withTransfer } from './transfer-lock.ts'
export { announceMove, type AnnouncedMove } from './collecting/announced-move.ts'
export { collectShared, openCollectable, previewShared } from './collecting/collect-shared.ts'
export { Rescue } from './collecting/rescue.ts'
export type { SweepReport } from './collecting/sweep.ts'
export { applyChange } from './changing/operation.ts'
export { readCurrentHead } from './changing/head.ts'
export { readLiveMerge } from './merging/merge-state.ts'
export { howToFinish } from './merging/refuse.ts'
export { markReachable, ObjectMarks, type ObjectRef } from './reachable.ts'
