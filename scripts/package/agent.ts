import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { bundle, type BundledPackage } from './bundle.ts';
import { makeDeb } from './deb.ts';
import { documentsOf, manualPage } from './documents.ts';
import { readNode } from './node-binary.ts';
import type { PackageOutput, PackageSource } from './package-source.ts';
import { makeTarball } from './tarball.ts';
import type { PackagedFile } from './tree.ts';

const programs = {
  agent: 'apps/agent/src/main.ts',
  // Commands for people, which the agent loads for them alone.
  command: 'apps/agent/src/command-main.ts',
  // What the agent runs in the network namespace of a container.
  'resolve-name': 'apps/agent/src/checks/resolve-name.ts',
  'try-inside': 'apps/agent/src/checks/try-inside.ts',
} as const;

/** Units of the agent, by name. */
export const agentUnits = [
  'trunkline-agent-boot.service',
  'trunkline-agent.service',
  'trunkline-agent.socket',
] as const;

/** All files of the agent on a host, from the root of the host. */
export async function agentFiles(of: PackageSource): Promise<PackagedFile[]> {
  const folder = path.join(of.root, 'packaging');
  const read = (name: string): Promise<Buffer> => readFile(path.join(folder, name));
  const { files, packages } = await bundledPrograms(of);
  const node = await readNode(of.root, of.architecture);
  return [
    { path: 'usr/sbin/trunkline-agent', content: await read('agent/trunkline-agent'), mode: 0o755 },
    { path: 'usr/lib/trunkline-agent/node', content: node.program, mode: 0o755 },
    ...files,
    ...(await Promise.all(
      agentUnits.map(async (name) => ({
        path: `usr/lib/systemd/system/${name}`,
        content: await read(`systemd/${name}`),
      })),
    )),
    // It may hold the secret of a join token.
    { path: 'etc/trunkline/agent.env', content: await read('agent/agent.env'), mode: 0o600 },
    {
      path: 'usr/share/bash-completion/completions/trunkline-agent',
      content: await read('agent/completion.bash'),
    },
    await manualPage(path.join(folder, 'agent/trunkline-agent.8')),
    ...(await documentsOf({ root: of.root, name: 'trunkline-agent', node, packages })),
  ];
}

async function bundledPrograms({
  root,
  version,
}: PackageSource): Promise<{ files: PackagedFile[]; packages: readonly BundledPackage[] }> {
  const outDir = await mkdtemp(path.join(tmpdir(), 'trunkline-bundle-'));
  try {
    const packages = await bundle({
      root,
      version,
      programs,
      // dockerode's BuildKit, over gRPC, and Docker over ssh: 1.3 MB of code for what an agent never does.
      leftOut: ['dockerode/lib/session.js', 'dockerode/lib/buildkit.js', 'docker-modem/lib/ssh.js'],
      inPlaceOf: { undici: 'scripts/package/undici-request.cjs' },
      outDir,
    });
    const files = await Promise.all(
      Object.keys(programs).map(async (name) => ({
        path: `usr/lib/trunkline-agent/${name}.mjs`,
        content: await readFile(path.join(outDir, `${name}.mjs`)),
      })),
    );
    return { files, packages };
  } finally {
    await rm(outDir, { recursive: true, force: true });
  }
}

/** Makes the Debian package and the archive of the agent; yields their files. */
export async function* agentPackages(of: PackageSource & PackageOutput): AsyncGenerator<string> {
  const { root, version, architecture, time, outDir } = of;
  const files = await agentFiles(of);
  yield await makeDeb({
    ...of,
    name: 'trunkline-agent',
    files,
    controlDir: path.join(root, 'packaging/debian/trunkline-agent'),
  });
  const extra = await Promise.all(
    ['INSTALL', 'install.sh'].map(async (name) => ({
      path: name,
      content: await readFile(path.join(root, 'packaging/tarball', name)),
      mode: name.endsWith('.sh') ? 0o755 : 0o644,
    })),
  );
  const name = `trunkline-agent_${version}_${architecture}`;
  yield await makeTarball({ name, files: [...files, ...extra], time, outDir });
}
