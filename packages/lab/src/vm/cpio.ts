/** One file of an archive. Folders above it are made along. */
export interface ArchiveFile {
  /** Relative, such as `bin/busybox`. */
  readonly name: string;
  readonly content: Buffer;
  readonly executable?: boolean;
}

const FOLDER_MODE = 0o040755;
const FILE_MODE = 0o100644;
const EXECUTABLE_MODE = 0o100755;

function padded(content: Buffer): Buffer {
  return Buffer.concat([content, Buffer.alloc(-content.length & 3)]);
}

function entry(name: string, mode: number, inode: number, content: Buffer): Buffer {
  const path = Buffer.from(`${name}\0`);
  // ino mode uid gid nlink mtime filesize devmajor devminor rdevmajor rdevminor namesize check
  const fields = [inode, mode, 0, 0, 1, 0, content.length, 0, 0, 0, 0, path.length, 0];
  const header = `070701${fields.map((field) => field.toString(16).padStart(8, '0')).join('')}`;
  return Buffer.concat([padded(Buffer.concat([Buffer.from(header), path])), padded(content)]);
}

function foldersAbove(name: string): readonly string[] {
  const parts = name.split('/').slice(0, -1);
  return parts.map((_, index) => parts.slice(0, index + 1).join('/'));
}

/**
 * Packs files in cpio's "newc" format, the one that the kernel unpacks an initrd from (its
 * driver-api/early-userspace/buffer-format). Owner of everything is root. Pure.
 */
export function packCpio(files: readonly ArchiveFile[]): Buffer {
  const folders = new Set(files.flatMap(({ name }) => foldersAbove(name)));
  const entries = [
    ...[...folders].map((name) => ({ name, mode: FOLDER_MODE, content: Buffer.alloc(0) })),
    ...files.map(({ name, content, executable }) => ({
      name,
      mode: executable === true ? EXECUTABLE_MODE : FILE_MODE,
      content,
    })),
    { name: 'TRAILER!!!', mode: 0, content: Buffer.alloc(0) },
  ];
  return Buffer.concat(
    entries.map(({ name, mode, content }, index) => entry(name, mode, index + 1, content)),
  );
}
