import { isUtf8 } from 'node:buffer'
import { baseName, type BytePath } from '../bytes.ts'
import type { ProfileName } from '../objects/manifest.ts'
import type { Attributes } from './attributes.ts'

/** How many of a file's first bytes `profileFor` looks at. */
export const profileSampleBytes = 4096

/**
 * The profile to cut a file with: what its attributes say, else what its name
 * says, else what its first bytes say (the first `profileSampleBytes` of them,
 * or the whole file). Never its size, or growth would move every boundary.
 */
export function profileFor(path: BytePath, firstBytes?: Uint8Array, attributes: Attributes = {}): ProfileName {
  return attributes.profile ?? typeOfName(path)?.profile ?? profileOfBytes(firstBytes)
}

/** Whether a file asks to be locked before it is edited: what its attributes say, else whether its type cannot be merged. */
export function isLockable(path: BytePath, attributes: Attributes = {}): boolean {
  return attributes.lockable ?? typeOfName(path)?.lockable ?? false
}

export function isProfileName(text: string): text is ProfileName {
  return text === 'small' || text === 'project' || text === 'general' || text === 'video'
}

interface FileTypes {
  profile: ProfileName
  /** People edit such files, and two edits cannot be merged. */
  lockable: boolean
  /** Sorted, in lower case, without the dot. */
  extensions: string
}

/**
 * All file types that are known by name. The average chunk is 4 KiB for small,
 * 8 KiB for project, 16 KiB for general and 64 KiB for video. An extension that stands for two very
 * different things (`ts` is MPEG and TypeScript) is left out: the bytes tell.
 */
export const fileTypes: readonly FileTypes[] = [
  {
    // Camera originals and delivery files. The stream is compressed and written in order: a trim or a new title
    // replaces long runs, so large chunks find nearly all that is shared (24.4 of 22.0 MB) at the least cost a GB.
    profile: 'video',
    lockable: false,
    extensions: `
      264 265 3g2 3gp ari arx asf av1 avi bik bk2 braw cine crm dv f4v flv gxf h264 h265 hevc insv ivf lrv m2t m2ts
      m2v m4v mj2 mkv mlv mov mp4 mpeg mpg mts mxf nev nut ogv qt r3d rm rmvb tod usm vob webm wmv y4m`,
  },
  {
    // Scenes and models: many small records in one file; moving one object changes a few bytes in many places
    // (a .blend: 4.6 MB at 64 KiB, 0.7 MB at 8 KiB).
    profile: 'project',
    lockable: true,
    extensions: `
      3dm 3ds abc blend c4d fbx glb hda hip hiplc hipnc lwo lxo ma max mb mud otl ply rvt sbsar sib skp spp stl usd
      usdc usdz vdb zpr ztl`,
  },
  {
    // Images with layers, and containers of them: an edit rewrites the tiles or the layer that it touched.
    profile: 'project',
    lockable: true,
    extensions: `
      afdesign afphoto afpub ai clip csp fig idml indd kra ora pdn procreate psb psd sai sai2 sketch tvpp xcf xd`,
  },
  {
    // Uncompressed images that people retouch: a rectangle changes short runs in every row
    // (tiff: 10.1 MB at 64 KiB, 7.3 MB at 8 KiB, 5.0 MB at 4 KiB).
    profile: 'small',
    lockable: true,
    extensions: `bmp pam pbm pgm ppm tga tif tiff`,
  },
  {
    // Frames, textures and uncompressed raw stills: rendered again whole, or with a header that grew.
    profile: 'project',
    lockable: true,
    extensions: `cin dds dng dpx exr hdr iff ktx ktx2 pfm rgb sgi sxr vtf`,
  },
  {
    // Packages of game engines: headers and tables of offsets change with every save, the payload between them stays.
    profile: 'project',
    lockable: true,
    extensions: `
      assetbundle bsp bundle gma pak pck rpf scn uasset ubulk ucas uexp umap unity3d upk uptnl utoc vpk wad`,
  },
  {
    // Projects of editing, compositing and audio programs, and the databases that some are: records edited in place.
    profile: 'project',
    lockable: true,
    extensions: `
      aaf aep aet als aup3 avb avp band cpr db drp drt fcpevent flexolibrary flp hrox mogrt npr omf prproj ptf ptx
      song sqlite sqlite3 tln veg vpr`,
  },
  {
    // Audio: 16 KiB finds what 4 KiB finds (wav: 2.46 and 2.37 MB of 2.34).
    profile: 'general',
    lockable: true,
    extensions: `aac aif aifc aiff ape au bwf caf dsf flac m4a mid midi mp3 oga ogg opus rf64 w64 wav wma wv`,
  },
  {
    // Compressed images, fonts and documents: small, and a save changes nearly all bytes.
    profile: 'general',
    lockable: true,
    extensions: `
      avif doc docx eps gif heic heif icns ico jp2 jpeg jpg jxl numbers odg odp ods odt otf pages pdf png ppt pptx
      ttc ttf webp woff woff2 xls xlsx`,
  },
  {
    // Camera raw stills, archives, caches and programs: written once, not edited.
    profile: 'general',
    lockable: false,
    extensions: `
      3fr 7z a arw bz2 cr2 cr3 dll dmg dylib exe fff gz iiq iso jar lib lz4 nef o obb orf pef pyc raf rar rw2 so srw
      tar tbz tgz unitypackage wasm x3f xz zip zst`,
  },
  {
    // Text: scenes, timelines, subtitles, grades, source code. An edit changes a line, and people merge it.
    profile: 'small',
    lockable: false,
    extensions: `
      3dl aepx ale anim asc asmdef asmx ass asset atlas avsc bat bvh c cc ccc cdl cfg cginc cjs cl clj cmake comp
      compute conf controller cpp cs csproj css csv cu cube cxx dae dart dfxp diff dpr dxf edl ejs el fcpxml
      fountain frag gcode gd gdshader geom gitattributes gitignore glsl gltf go gradle groovy h hlsl hpp hs htm html
      hxx iges igs inc ini inl ino ipynb itt java js json json5 jsonl jsx kdenlive kt less lock log look lua m
      markdown mat md mel meta metal mf mjs ml mlt mm mtl mtlx nk obj org osl otio overridecontroller patch php
      physicmaterial pl playable plist po prefab preset pro properties proto ps1 py r rb rnib rpp rs rst rtf sass
      sbs sbv scala scss sesx setting sh shader sln spriteatlas spritefont sql srt ssa step stp strings sub svelte
      svg swift tex toml tres tscn tsv tsx ttml txt unity uplugin uproject usda usf ush uss uxml v vb vbs vcxproj
      vert vtt vue wgsl wrl x3d xaml xcconfig xhtml xmeml xml xmp xsd xsl yaml yml zig`,
  },
]

const typesByExtension = new Map<string, FileTypes>(
  fileTypes.flatMap((types) => extensionsOf(types).map((extension) => [extension, types] as const)),
)

/** The extensions of a row of the table, one by one. */
export function extensionsOf(types: FileTypes): string[] {
  return types.extensions.trim().split(/\s+/)
}

function typeOfName(path: BytePath): FileTypes | undefined {
  const name = baseName(path)
  const dot = name.lastIndexOf('.')
  return dot < 0 ? undefined : typesByExtension.get(name.slice(dot + 1).toLowerCase())
}

/** The first bytes (of `at`, in latin1) that tell a type where the name does not. */
const signatures: readonly { text: string; at: number; profile: ProfileName }[] = [
  { text: '\x1a\x45\xdf\xa3', at: 0, profile: 'video' }, // Matroska, WebM
  { text: '\x06\x0e\x2b\x34', at: 0, profile: 'video' }, // MXF
  { text: '\x30\x26\xb2\x75', at: 0, profile: 'video' }, // ASF
  { text: '\x00\x00\x01\xba', at: 0, profile: 'video' }, // MPEG program stream
  { text: '\x00\x00\x01\xb3', at: 0, profile: 'video' }, // MPEG video
  { text: 'FLV\x01', at: 0, profile: 'video' },
  { text: 'AVI ', at: 8, profile: 'video' },
  { text: 'ftypheic', at: 4, profile: 'general' }, // HEIF stills share the container of MP4
  { text: 'ftypmif1', at: 4, profile: 'general' },
  { text: 'ftypavif', at: 4, profile: 'general' },
  { text: 'ftypM4A ', at: 4, profile: 'general' },
  { text: 'ftyp', at: 4, profile: 'video' }, // MP4, QuickTime
  { text: 'moov', at: 4, profile: 'video' },
  { text: 'mdat', at: 4, profile: 'video' },
  { text: '8BPS', at: 0, profile: 'project' }, // Photoshop
  { text: 'BLENDER', at: 0, profile: 'project' },
  { text: 'Kaydara FBX Binary', at: 0, profile: 'project' },
  { text: '\xc1\x83\x2a\x9e', at: 0, profile: 'project' }, // Unreal package
  { text: 'II*\x00', at: 0, profile: 'project' }, // TIFF, DNG
  { text: 'MM\x00*', at: 0, profile: 'project' },
  { text: '\x76\x2f\x31\x01', at: 0, profile: 'project' }, // OpenEXR
  { text: 'SDPX', at: 0, profile: 'project' },
  { text: 'XPDS', at: 0, profile: 'project' },
  { text: 'DDS ', at: 0, profile: 'project' },
  { text: 'FOR4', at: 0, profile: 'project' }, // Maya binary
  { text: 'FOR8', at: 0, profile: 'project' },
  { text: 'RIFX', at: 0, profile: 'project' }, // After Effects
  { text: 'Ogawa', at: 0, profile: 'project' }, // Alembic
  { text: 'PXR-USDC', at: 0, profile: 'project' },
  { text: 'SQLite format 3\x00', at: 0, profile: 'project' },
  { text: 'gimp xcf', at: 0, profile: 'project' },
  { text: 'glTF', at: 0, profile: 'project' },
]

function profileOfBytes(bytes: Uint8Array | undefined): ProfileName {
  if (!bytes) return 'general'
  const sample = Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.byteLength, profileSampleBytes))
  const head = sample.toString('latin1', 0, 32)
  for (const { text, at, profile } of signatures) if (head.startsWith(text, at)) return profile
  if (isTransportStream(sample)) return 'video'
  return isText(sample) ? 'small' : 'general'
}

/** MPEG transport streams have a sync byte every 188 bytes. */
function isTransportStream(sample: Buffer): boolean {
  return sample.length > 376 && [0, 188, 376].every((at) => sample[at] === 0x47)
}

/** UTF-8 without a zero byte; the last character may be cut off where the sample is full. */
function isText(sample: Buffer): boolean {
  if (sample.includes(0)) return false
  if (sample.length < profileSampleBytes) return isUtf8(sample)
  return [0, 1, 2, 3].some((cut) => isUtf8(sample.subarray(0, sample.length - cut)))
}
