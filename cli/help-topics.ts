/** Pages of `dits help` that explain something else than a verb, by name. */
export const helpTopics: Readonly<Record<string, string>> = {
  attributes: `dits help attributes: what is special about some files

A file '.ditsattributes' says it, in the folder of the files or above it. Each line
is a pattern, as in an ignore file (in double quotes where it has spaces; without '!'),
and words:

  profile=NAME   how the files are cut: video (camera and delivery formats), general,
                 project (scenes, images with layers, project files), small (texts)
  lockable       the files can be locked; -lockable takes that back
  handler=NAME   which handler looks into them

A pattern that names a folder speaks of everything below it. For each word the last line
that matches decides, and the files of inner folders come last. What no line speaks of
is settled by the file's name and its first bytes.

Example:
  *.raw3d          profile=video
  "old scenes/"    -lockable
`,
  ignore: `dits help ignore: files that are left out

What is not tracked, and matches a line of a file '.ditsignore' in its folder or in one
above it, is passed over by add, status and clean. The lines are those of Git's ignore
files, and '.gitignore' is read too; where both speak of a file, '.ditsignore' decides.
What is tracked stays tracked, whatever the rules say.

  render/          a folder of this name, at any depth, with all that is in it
  /cache           only in the folder of the rule file
  *.tmp            any run of characters but '/'
  takes/**/*.wav   '**' stands for any number of folders
  !keep.tmp        takes an earlier line back, unless a folder above is ignored
  # a remark

Rules of your own for all repositories lie in ~/.config/dits/ignore. Files that systems
leave behind (.DS_Store, Thumbs.db) and the folders of other version control (.git) are
left out from the start. 'dits add FILE' says which line leaves a file out, and
'dits add --force FILE' adds it even so.
`,
}
