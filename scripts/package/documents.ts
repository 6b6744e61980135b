import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { gzipSync } from 'node:zlib';
import type { BundledPackage } from './bundle.ts';
import type { NodeFiles } from './node-binary.ts';
import type { PackagedFile } from './tree.ts';

/** What a package says about itself and those whose work is in it. */
export async function documentsOf(of: {
  readonly root: string;
  readonly name: string;
  readonly node: NodeFiles;
  readonly packages: readonly BundledPackage[];
}): Promise<PackagedFile[]> {
  const folder = `usr/share/doc/${of.name}`;
  const changelog = await readFile(path.join(of.root, 'CHANGELOG.md'));
  const ours = await readFile(path.join(of.root, 'LICENSE'), 'utf8');
  const parts = [
    `Trunkline, https://www.apache.org/licenses/LICENSE-2.0\n\n${ours.trim()}`,
    `Node.js ${of.node.version}\n\n${of.node.licence.trim()}`,
    ...of.packages.map(
      ({ name, version, license, text }) =>
        `${name} ${version}, ${license}${text === null ? '' : `\n\n${text}`}`,
    ),
  ];
  return [
    { path: `${folder}/copyright`, content: `${parts.join(`\n\n${'-'.repeat(78)}\n\n`)}\n` },
    { path: `${folder}/changelog.gz`, content: gzipSync(changelog, { level: 9 }) },
  ];
}

/** A manual page, compressed as Debian has them. */
export async function manualPage(file: string): Promise<PackagedFile> {
  const section = path.extname(file).slice(1);
  const content = gzipSync(await readFile(file), { level: 9 });
  return { path: `usr/share/man/man${section}/${path.basename(file)}.gz`, content };
}
