import { writeFile } from 'node:fs/promises';
import { flushCompileCache } from 'node:module';
import os from 'node:os';
import { parseArgs } from 'node:util';
import { openLog, messageOf } from '@trunkline/log';
import closeWithGrace from 'close-with-grace';
import packageJson from '../package.json' with { type: 'json' };
import { runAgent } from './agent.ts';
import { boot } from './boot-main.ts';
import { readBootConfig, readConfig, type AgentConfig } from './config.ts';
import { createCommandRunner } from './host/command.ts';
import { createDockerEngine } from './host/dockerode-engine.ts';
import { createLinks } from './host/ip-links.ts';
import { createKernel } from './host/kernel.ts';
import { readFolder, readText } from './host/read-text.ts';
import { createSandboxes } from './host/sandboxes.ts';
import { createResidentIp } from './host/resident-ip.ts';
import { createSteadyClock } from './lib/steady-clock.ts';
import { createDialogueOpener, createProcessSpawner, realTiming } from './host/spawn.ts';
import { handedOverSocket } from './ipam/driver/plugin-socket.ts';
import { refuseDocker } from './ipam/driver/refuse-docker.ts';
import { acceptMachine, CopiedState } from './machine/machine-binding.ts';
import { readMachineMarks } from './machine/machine-marks.ts';
import { markNotCopied, readBoot } from './machine/state-past.ts';
import { AgentSuperseded, IdentityCopied } from './lib/failure.ts';
import { UnreadableIdentity } from './machine/identity.ts';
import { JoinRefused } from './sync/join.ts';
import { lockStateFolder, StateFolderBusy } from './sync/state-lock.ts';
import { createAddressProbe } from './wire/probe.ts';

/** Wrong arguments or settings end the process with one sentence. */
function endBadUse(error: unknown): never {
  process.stderr.write(`${messageOf(error)}\n`);
  process.exit(2);
}

function orExit<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    return endBadUse(error);
  }
}

/** Refuses Docker's calls on the socket that systemd holds, so that none of them waits for an agent that cannot run. */
async function configOrRefuse(): Promise<AgentConfig> {
  try {
    return readConfig(process.env);
  } catch (error) {
    if (pluginSocketDescriptor !== null) {
      const why = messageOf(error);
      await refuseDocker({ path: '', descriptor: pluginSocketDescriptor }, why, await openLog()).catch(
        () => {},
      );
    }
    return endBadUse(error);
  }
}

const usage = `Usage: trunkline-agent [--boot | --accept-machine | --version | --help]
       trunkline-agent join URL TOKEN | leave | status | doctor

The agent of a Docker host in a Trunkline fleet. Without an argument it runs until it is stopped.

  join URL TOKEN     let this host join the fleet of a server, and start the agent
  leave              take this host out of its fleet
  status             say whether the server is reached, and what it says about this host
  doctor             try what the agent needs on this machine

  --boot             put the links of this host back from the agent's own disk, then end; before Docker starts
  --accept-machine   let the state directory belong to this machine from now on, then end
  --version          print the version
  --help, -h         print this

Each command has a --help of its own. Settings are environment variables, TRUNKLINE_SERVER above all: see trunkline-agent(8), or the README of the repository.
`;

const [word] = process.argv.slice(2);
// A program of its own, which ends the process.
if (word !== undefined && !word.startsWith('-'))
  await import(new URL('command-main.ts', import.meta.url).href);

const { values: asked } = orExit(() =>
  parseArgs({
    options: {
      boot: { type: 'boolean', default: false },
      'accept-machine': { type: 'boolean', default: false },
      version: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
  }),
);
if (asked.help || asked.version) {
  process.stdout.write(asked.help ? usage : `${packageJson.version}\n`);
  process.exit(0);
}
if (asked.boot) {
  const stopped = new AbortController();
  for (const name of ['SIGTERM', 'SIGINT'] as const) process.once(name, () => stopped.abort());
  // A program that hangs in the kernel must not hold up the boot: what still runs ends here.
  process.exit(await boot(process.env, stopped.signal).catch(endBadUse));
}

if (asked['accept-machine']) {
  try {
    const { stateDir } = readBootConfig(process.env);
    const unlock = await lockStateFolder(stateDir);
    const marks = await readMachineMarks({ links: createLinks(createCommandRunner()), readFile: readText });
    const did = await acceptMachine(stateDir, marks, Date.now());
    await markNotCopied(stateDir, await readBoot(readText));
    await unlock();
    process.stdout.write(`${did}\n`);
    process.exit(0);
  } catch (error) {
    endBadUse(error);
  }
}

const pluginSocketDescriptor = handedOverSocket(process.env);
const config = await configOrRefuse();
const log = await openLog({ level: config.logLevel, base: { host: config.hostName } });
const run = createCommandRunner();
const residentIp = createResidentIp(createDialogueOpener(), run);
const links = createLinks(run, residentIp.show);
const clock = createSteadyClock(Date.now, () => performance.now());
const timing = { ...realTiming, ...clock };
const probe = createAddressProbe({ run, open: createDialogueOpener(), links, timing });
const ended = new AbortController();
const agent = runAgent(
  {
    config,
    version: packageJson.version,
    links,
    docker: createDockerEngine({ socketPath: config.dockerSocket }),
    kernel: createKernel({
      run,
      readFile: readText,
      writeFile: (path, text) => writeFile(path, text),
      release: os.release,
      now: Date.now,
    }),
    run,
    open: createDialogueOpener(),
    readFile: readText,
    readFolder,
    spawn: createProcessSpawner(),
    probe,
    sandboxes: createSandboxes(config.netnsDir, run),
    pluginSocketDescriptor,
    timing,
    log,
  },
  ended.signal,
);

// Node writes it at an orderly end only, and the next start may come after a kill. By now the driver serves.
setTimeout(flushCompileCache, 5_000).unref();

closeWithGrace({ delay: 15_000, logger: false }, async ({ err, signal }) => {
  if (err !== undefined) log.fatal({ err }, 'agent failed');
  else log.info({ signal }, 'agent stops, what runs keeps running');
  ended.abort();
  await agent.catch(() => {});
});

/** What an operator can mend is reported in one sentence; anything else is a bug and keeps its stack. */
const forPeople = [
  JoinRefused,
  StateFolderBusy,
  CopiedState,
  UnreadableIdentity,
  AgentSuperseded,
  IdentityCopied,
];

try {
  await agent;
} catch (error) {
  if (!ended.signal.aborted) {
    const known = forPeople.find((kind) => error instanceof kind);
    if (known !== undefined) log.fatal({ error: known.name }, (error as Error).message);
    else log.fatal({ err: error }, 'agent failed');
    if (error instanceof CopiedState) {
      const socket = { path: config.pluginSocket, descriptor: pluginSocketDescriptor };
      await refuseDocker(socket, error.message, log).catch(() => {});
    }
    // close-with-grace would end it as a success once nothing is left to do.
    process.exit(1);
  }
}
