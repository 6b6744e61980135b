/**
 * Commands for people: join, leave, status, doctor. A program of its own that `main.ts` loads for them alone, so that the agent that runs
 * carries none of it. Ends the process.
 */
import { access, mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { parseEnv } from 'node:util';
import {
  ApiError,
  createTransport,
  fetchOwnHost,
  ServerUnreachable,
  type ServerLocation,
} from '@trunkline/client';
import { messageOf, openLog } from '@trunkline/log';
import packageJson from '../package.json' with { type: 'json' };
import { readCommand, UsageError, type Command } from './commands/command-line.ts';
import { examineHost, findingLines } from './commands/doctor.ts';
import { joinFleet } from './commands/join-fleet.ts';
import { CannotLeave, leaveFleet } from './commands/leave-fleet.ts';
import { UnwritableSetting, withSettings } from './commands/settings-file.ts';
import { isWell, statusLines, type HostStatus } from './commands/status.ts';
import { createUnits } from './commands/units.ts';
import { InvalidConfig, readBootConfig, readConfig, type AgentConfig } from './config.ts';
import { CommandFailed, createCommandRunner } from './host/command.ts';
import { createDockerEngine } from './host/dockerode-engine.ts';
import { createLinks } from './host/ip-links.ts';
import { createKernel } from './host/kernel.ts';
import { readText } from './host/read-text.ts';
import { realTiming } from './host/spawn.ts';
import { factsOf } from './host-facts.ts';
import { makePrivateFolder, readFileIfAny, writeFileAtomically } from './lib/atomic-file.ts';
import { connectionFault } from './lib/connection-fault.ts';
import { loadIdentity, UnreadableIdentity } from './machine/identity.ts';
import { readInstance } from './machine/instance.ts';
import { ownMachine } from './machine/own-machine.ts';
import { readTrustedAuthority } from './machine/trusted-authority.ts';
import { networkLabel } from './observation/marks.ts';
import { WrongAuthority } from './sync/find-authority.ts';
import { ensureJoined, JoinRefused } from './sync/join.ts';
import { lockStateFolder, StateFolderBusy } from './sync/state-lock.ts';

const run = createCommandRunner();
const stopped = new AbortController();
for (const name of ['SIGTERM', 'SIGINT'] as const) process.once(name, () => stopped.abort());

const exists = (file: string): Promise<boolean> =>
  access(file).then(
    () => true,
    () => false,
  );
const units = createUnits({ run, exists });
const kernel = createKernel({
  run,
  readFile: readText,
  writeFile: (file, content) => writeFile(file, content),
  release: os.release,
  now: Date.now,
});

type Environment = Readonly<Record<string, string | undefined>>;

/** The settings as the units have them: what the file says comes before what this process was given. */
async function environmentOf(file: string): Promise<Environment> {
  const inFile = Object.entries(parseEnv((await readFileIfAny(file)) ?? ''));
  return { ...process.env, ...Object.fromEntries(inFile.filter(([, value]) => value !== '')) };
}

async function changeSettings(file: string, values: Readonly<Record<string, string | null>>): Promise<void> {
  await mkdir(path.dirname(file), { recursive: true, mode: 0o755 });
  await writeFileAtomically(file, withSettings((await readFileIfAny(file)) ?? '', values));
}

async function serverOf({ server, ca, stateDir }: AgentConfig): Promise<ServerLocation> {
  const known = [ca, await readTrustedAuthority(stateDir)].filter((pem) => pem !== null);
  return { baseUrl: server, ...(known.length === 0 ? {} : { ca: known.join('\n') }) };
}

async function join(asked: Command & { do: 'join' }): Promise<number> {
  const token = asked.token ?? (await text(process.stdin)).trim();
  if (!/^[\x21-\x7e]{8,128}$/.test(token))
    throw new UsageError('that is no join token: POST /v1/join-tokens makes one');
  const settings = {
    TRUNKLINE_SERVER: asked.server.replace(/\/+$/, ''),
    // It was good once.
    TRUNKLINE_JOIN_TOKEN: null,
    ...(asked.name === null ? {} : { TRUNKLINE_HOST_NAME: asked.name }),
    ...(asked.caFile === null ? {} : { TRUNKLINE_CA_FILE: path.resolve(asked.caFile) }),
  };
  // Before anything is done: what cannot be written is refused.
  withSettings('', settings);
  const inFile = await environmentOf(asked.settings);
  const config = readConfig({ ...inFile, ...settings, TRUNKLINE_JOIN_TOKEN: token });
  const done = await joinFleet({
    server: config.server,
    token,
    stateDir: config.stateDir,
    hostName: config.hostName,
    units,
    join: () => joinHere(config, token),
    writeSettings: () => changeSettings(asked.settings, settings),
    signal: stopped.signal,
  });
  process.stdout.write(`${done}\n`);
  return 0;
}

/** As the agent does it, with one try. */
async function joinHere(config: AgentConfig, token: string): Promise<void> {
  await makePrivateFolder(config.stateDir);
  const unlock = await lockStateFolder(config.stateDir);
  try {
    const log = await openLog({ level: 'warn', base: {} });
    const timing = { ...realTiming, now: Date.now };
    const links = createLinks(run);
    const docker = createDockerEngine({ socketPath: config.dockerSocket });
    const machine = { stateFolder: config.stateDir, mayJoin: true, links, readFile: readText, timing, log };
    await ownMachine(machine, stopped.signal);
    const facts = { version: packageJson.version, readFile: readText };
    await ensureJoined(
      {
        stateFolder: config.stateDir,
        server: await serverOf(config),
        token,
        hostName: config.hostName,
        facts: () => factsOf(facts, { links, docker, kernel }),
        once: true,
        timing,
        log,
      },
      await loadIdentity(config.stateDir),
      stopped.signal,
    );
  } finally {
    await unlock();
  }
}

async function leave(asked: Command & { do: 'leave' }): Promise<number> {
  const env = await environmentOf(asked.settings);
  const { stateDir } = readBootConfig(env);
  const socketPath = env['TRUNKLINE_DOCKER_SOCKET'] ?? '/var/run/docker.sock';
  const done = await leaveFleet({
    hostName: env['TRUNKLINE_HOST_NAME'] ?? os.hostname(),
    force: asked.force,
    units,
    networks: async () =>
      (await createDockerEngine({ socketPath }).networks())
        .filter(({ labels }) => networkLabel in labels)
        .map(({ name }) => name),
    removeState: async () => {
      if (!(await exists(stateDir))) return;
      const unlock = await lockStateFolder(stateDir);
      try {
        for (const name of await readdir(stateDir))
          if (name !== 'agent.lock') await rm(path.join(stateDir, name), { recursive: true });
      } finally {
        await unlock();
      }
    },
    clearSettings: async () => {
      if (await exists(asked.settings))
        await changeSettings(asked.settings, { TRUNKLINE_SERVER: null, TRUNKLINE_JOIN_TOKEN: null });
    },
  });
  process.stdout.write(`${done}\n`);
  return 0;
}

async function status(asked: Command & { do: 'status' }): Promise<number> {
  const config = readConfig(await environmentOf(asked.settings));
  const found = await statusOf(config);
  process.stdout.write(asked.json ? `${JSON.stringify(found)}\n` : statusLines(found, Date.now()));
  return isWell(found) ? 0 : 1;
}

async function statusOf(config: AgentConfig): Promise<HostStatus> {
  const { server } = config;
  const nothing = { server, host: null };
  const identity = (await exists(path.join(config.stateDir, 'identity.json')))
    ? await loadIdentity(config.stateDir)
    : null;
  const instance = await readInstance(config.stateDir);
  const location = await serverOf(config);
  if (identity === null || identity.hostId === null || instance === null) {
    const problem =
      identity === null || identity.hostId === null
        ? 'this host has not joined: trunkline-agent join URL TOKEN'
        : 'the agent has not run since this host joined: start trunkline-agent';
    const fault = await serverFault(location);
    return { ...nothing, reached: fault === null, problem: fault ?? problem };
  }
  const { hostId, privateKey } = identity;
  try {
    const host = await fetchOwnHost({ ...location, identity: { hostId, privateKey }, instance });
    return { server, reached: true, problem: null, host };
  } catch (error) {
    return { ...nothing, reached: error instanceof ApiError, problem: sentenceOf(error) };
  }
}

/** Asks who it is whether it lives; its clock is answered as well. */
async function askServer(location: ServerLocation): Promise<{ date: string | undefined }> {
  const transport = createTransport({ ...location, connectTimeoutMs: 5000 });
  try {
    const wire = {
      method: 'GET',
      url: transport.url('/livez'),
      headers: {},
      body: '',
      timeoutMs: 5000,
    } as const;
    const answer = await transport.send({ ...wire, signal: stopped.signal });
    await answer.discard();
    if (answer.status !== 200)
      throw new Error(
        `${location.baseUrl} answers ${answer.status}: see that it is the URL of a Trunkline server, with http or https as that speaks`,
      );
    return { date: answer.headers['date'] };
  } finally {
    await transport.close();
  }
}

const serverFault = (location: ServerLocation): Promise<string | null> =>
  askServer(location).then(
    () => null,
    (error: unknown) => sentenceOf(error),
  );

async function doctor(asked: Command & { do: 'doctor' }): Promise<number> {
  const env = await environmentOf(asked.settings);
  // Also without a server, or with a wrong URL, the rest is looked at.
  const config = readConfig({ ...env, TRUNKLINE_SERVER: env['TRUNKLINE_SERVER'] ?? 'http://127.0.0.1:9' });
  const docker = createDockerEngine({ socketPath: config.dockerSocket });
  const location = await serverOf(config);
  const findings = await examineHost({
    docker: () => docker.version(),
    versionOf: async (program, flag) => {
      const { stdout, stderr } = await run(program, [flag]).catch((error: unknown) => {
        const absent = error instanceof CommandFailed && error.kind === 'spawn';
        throw absent ? new Error('not installed', { cause: error }) : error;
      });
      return (stdout.trim() || stderr.trim()).split('\n')[0] ?? '';
    },
    kernel: () => kernel.observe(),
    clockAheadOfServer: async () => {
      const { date } = await askServer(location).catch((error: unknown) => {
        throw new Error(sentenceOf(error), { cause: error });
      });
      const theirs = Date.parse(date ?? '');
      if (Number.isNaN(theirs)) throw new Error('the server does not say what time it is');
      return Math.round((Date.now() - theirs) / 1000);
    },
    server: env['TRUNKLINE_SERVER'] ?? null,
  });
  process.stdout.write(asked.json ? `${JSON.stringify(findings)}\n` : findingLines(findings));
  return findings.some(({ state }) => state === 'missing') ? 1 : 0;
}

/** What a person can act on; anything else is a bug and keeps its stack. */
const forPeople = [
  ApiError,
  CannotLeave,
  CommandFailed,
  InvalidConfig,
  JoinRefused,
  ServerUnreachable,
  StateFolderBusy,
  UnreadableIdentity,
  UnwritableSetting,
  WrongAuthority,
];

function sentenceOf(error: unknown): string {
  return connectionFault(error) ?? messageOf(error);
}

async function perform(argv: readonly string[]): Promise<number> {
  const asked = readCommand(argv);
  switch (asked.do) {
    case 'help':
      process.stdout.write(asked.text);
      return 0;
    case 'join':
      return await join(asked);
    case 'leave':
      return await leave(asked);
    case 'status':
      return await status(asked);
    case 'doctor':
      return await doctor(asked);
  }
}

try {
  process.exit(await perform(process.argv.slice(2)));
} catch (error) {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  const isKnown = forPeople.some((kind) => error instanceof kind) || code === 'EACCES' || code === 'EPERM';
  if (error instanceof UsageError || error instanceof InvalidConfig) {
    process.stderr.write(`trunkline-agent: ${error.message}\n`);
    process.exit(2);
  }
  if (!isKnown) throw error;
  const advice = code === 'EACCES' || code === 'EPERM' ? ' (run it as root)' : '';
  process.stderr.write(`trunkline-agent: ${sentenceOf(error)}${advice}\n`);
  process.exit(1);
}
