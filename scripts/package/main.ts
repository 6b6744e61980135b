import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { parseArgs, promisify } from 'node:util';
import { agentPackages } from './agent.ts';
import { architectures, type Architecture } from './node-binary.ts';
import { serverPackage } from './server.ts';

const run = promisify(execFile);
const usage = `Usage: npm run package [-- --arch amd64,arm64] [-- --out dist]

Makes the packages: trunkline-agent_VERSION_ARCH.deb, the same as .tar.xz for systems without Debian packages, and
trunkline-server_VERSION_ARCH.deb. Needs dpkg-deb, tar and xz. The time in them is SOURCE_DATE_EPOCH, or that of the last commit.
`;

function architecturesOf(text: string): Architecture[] {
  return text.split(',').map((name) => {
    const known = architectures.find((one) => one === name);
    if (known === undefined) throw new Error(`--arch has ${name}: write ${architectures.join(' or ')}`);
    return known;
  });
}

async function timeOfSource(root: string): Promise<number> {
  const given = process.env['SOURCE_DATE_EPOCH'];
  const text =
    given ??
    (await run('git', ['-C', root, 'log', '-1', '--format=%ct']).catch(() => ({ stdout: '' }))).stdout.trim();
  if (!/^\d+$/.test(text)) throw new Error('no commit here: set SOURCE_DATE_EPOCH to seconds since 1970');
  return Number(text);
}

function say(file: string): void {
  process.stdout.write(`${path.relative(process.cwd(), file)}\n`);
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      arch: { type: 'string', default: architectures.join(',') },
      out: { type: 'string', default: 'dist' },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  if (values.help) {
    process.stdout.write(usage);
    return;
  }
  const root = path.resolve(import.meta.dirname, '../..');
  const { version } = JSON.parse(await readFile(path.join(root, 'package.json'), 'utf8')) as {
    version: string;
  };
  const outDir = path.resolve(values.out);
  const time = await timeOfSource(root);
  for (const architecture of architecturesOf(values.arch)) {
    const how = { root, version, architecture, time, outDir, compression: 'small' } as const;
    for await (const file of agentPackages(how)) say(file);
    say(await serverPackage(how));
  }
}

try {
  await main();
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
