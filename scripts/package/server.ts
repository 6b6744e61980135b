import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { bundle, type BundledPackage } from './bundle.ts';
import { makeDeb } from './deb.ts';
import { documentsOf } from './documents.ts';
import { readNode } from './node-binary.ts';
import type { PackageOutput, PackageSource } from './package-source.ts';
import type { PackagedFile } from './tree.ts';

/** Where the program is: as deep as in the repository, since it looks for its SQL from there. */
const lib = 'usr/lib/trunkline-server';
const programDir = `${lib}/apps/server/src`;

/** All files of the server on its machine, from the root of the machine. */
export async function serverFiles(of: PackageSource): Promise<PackagedFile[]> {
  const { root } = of;
  const read = (name: string): Promise<Buffer> => readFile(path.join(root, 'packaging', name));
  const { program, packages } = await bundledServer(of);
  const node = await readNode(root, of.architecture);
  const swagger = path.join(root, 'node_modules/@fastify/swagger-ui/static');
  return [
    { path: 'usr/sbin/trunkline-server', content: await read('server/trunkline-server'), mode: 0o755 },
    { path: `${lib}/node`, content: node.program, mode: 0o755 },
    { path: `${programDir}/main.mjs`, content: program },
    ...(await filesBelow(path.join(root, 'prisma/migrations'), `${lib}/prisma/migrations`)),
    ...(await filesBelow(path.join(root, 'prisma/functions'), `${lib}/prisma/functions`)),
    // Swagger UI looks for its pages beside its own folder, and for the logo in it.
    ...(await filesBelow(swagger, `${lib}/apps/server/static`)),
    { path: `${programDir}/static/logo.svg`, content: await readFile(path.join(swagger, 'logo.svg')) },
    {
      path: 'usr/lib/systemd/system/trunkline-server.service',
      content: await read('systemd/trunkline-server.service'),
    },
    // It may hold the password of the database.
    { path: 'etc/trunkline/server.env', content: await read('server/server.env'), mode: 0o600 },
    ...(await documentsOf({ root, name: 'trunkline-server', node, packages })),
  ];
}

/** Makes the Debian package of the server; answers its file. */
export async function serverPackage(of: PackageSource & PackageOutput): Promise<string> {
  return await makeDeb({
    ...of,
    name: 'trunkline-server',
    files: await serverFiles(of),
    controlDir: path.join(of.root, 'packaging/debian/trunkline-server'),
  });
}

async function bundledServer({
  root,
  version,
}: PackageSource): Promise<{ program: Buffer; packages: readonly BundledPackage[] }> {
  const outDir = await mkdtemp(path.join(tmpdir(), 'trunkline-bundle-'));
  try {
    const packages = await bundle({
      root,
      version,
      programs: { main: 'apps/server/src/main.ts' },
      readsBesideItself: true,
      outDir,
    });
    return { program: await readFile(path.join(outDir, 'main.mjs')), packages };
  } finally {
    await rm(outDir, { recursive: true, force: true });
  }
}

async function filesBelow(folder: string, to: string): Promise<PackagedFile[]> {
  const all = await readdir(folder, { recursive: true, withFileTypes: true });
  const names = all
    .filter((one) => one.isFile())
    .map((one) => path.relative(folder, path.join(one.parentPath, one.name)))
    .toSorted();
  return await Promise.all(
    names.map(async (name) => ({
      path: `${to}/${name}`,
      content: await readFile(path.join(folder, name)),
    })),
  );
}
