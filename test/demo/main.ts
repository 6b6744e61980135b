/** The main job in one command: `npm run demo`. A scenario on a lab of two hosts, through the API alone. */
import { once as happens } from 'node:events';
import { parseArgs } from 'node:util';
import { createFleet, type Fleet } from '@trunkline/lab/fleet/fleet.ts';
import { ensureInstalled } from '@trunkline/lab/hosts/install.ts';
import { kernelHasVlan } from '@trunkline/lab/vm/kernel-has-vlan.ts';
import { vmCommand } from '@trunkline/lab/vm/vm-command.ts';
import { goBeyond } from './beyond.ts';
import { createNarrator } from './narrator.ts';
import { createProgress } from './progress.ts';
import { expectedOf, runScenario, s1, s2, type Scenario } from './scenario.ts';
import { judge, type Finding } from './verdict.ts';

const usage = `usage: npm run demo [-- --once] [--vlan]

Builds two Docker hosts on this machine (network namespaces with a real dockerd each), starts the server and
an agent on each host, makes one macvlan network over both and a container on each, and lets them ping each
other. Then names over hosts, host access, a shared network stack, and a fault that is made and found by its
name: all through the REST API, step by step on the screen. Needs Linux and root; installs docker.io,
iproute2, busybox-static and iputils from the distribution when they are missing.

  --once       end when it is done: exit code 0 only if the scenario passed
  --vlan       two networks, one VLAN each (scenario S2); on a kernel without 8021q in a VM with the
               distribution's, which takes minutes and always ends when it is done
  --port PORT  where the server listens (default 7400; another one when that is taken)
  --help       this text

Without --once everything stays up, for you to try, until Ctrl-C.
`;

const defaultPort = 7400;
/** As shells count an end by SIGINT. */
const interruptedCode = 130;

function write(line: string): void {
  process.stdout.write(`${line}\n`);
}

function showFindings(findings: readonly Finding[]): boolean {
  write('');
  write('Results');
  for (const { promise, held, seen } of findings) {
    write(held ? `   ok      ${promise} (${seen})` : `   FAILED  ${promise}: ${seen}`);
  }
  return findings.every(({ held }) => held);
}

function showInvitation({ url, token, lab }: Fleet, wanted: number): void {
  const host = lab.host('docker01');
  write('');
  write('Everything stays up until Ctrl-C. Try it:');
  if (new URL(url).port !== String(wanted))
    write(`   (port ${String(wanted)} is taken: the server has another one)`);
  write(`   Swagger UI   ${url}/docs   (Authorize with the token)`);
  write(`   Token        ${token}`);
  write('');
  write(`   export TOKEN=${token}`);
  write(`   curl -s -H "Authorization: Bearer $TOKEN" ${url}/v1/networks/mac_net1`);
  write(
    `   curl -s -H "Authorization: Bearer $TOKEN" -H 'Content-Type: application/json' -d '{}' ${url}/v1/networks/mac_net1/addresses`,
  );
  write(`   curl -sN -H "Authorization: Bearer $TOKEN" -H 'Accept: text/event-stream' ${url}/v1/events`);
  write('   As root, with Docker itself:');
  write(`   docker -H unix://${host.dockerSocket} exec box1 ping -c 3 172.16.100.20`);
  write(`   npm run lab -- exec docker01 --lab ${lab.name} -- docker network inspect mac_net1`);
}

/** A scenario on a fleet that is up; false when something of it did not hold, which is then on the screen. */
async function perform(fleet: Fleet, scenario: Scenario, signal: AbortSignal): Promise<boolean> {
  try {
    const narrator = createNarrator(fleet.client, write);
    const seen = await runScenario(narrator, scenario);
    const beyond = scenario === s1 ? await goBeyond(narrator, fleet.lab.host('docker02')) : [];
    const held = showFindings([...judge(seen, expectedOf(scenario)), ...beyond]);
    write('');
    write(held ? `Scenario ${scenario.name} passed.` : `Scenario ${scenario.name} failed.`);
    if (!held) process.stderr.write(`${fleet.logs()}\n`);
    return held;
  } catch (error) {
    // Interrupted: whatever was under way fails, which is no finding.
    if (signal.aborted) return false;
    write('');
    write(`Scenario ${scenario.name} failed: ${error instanceof Error ? error.message : String(error)}`);
    process.stderr.write(`${fleet.logs()}\n`);
    return false;
  }
}

/** Resolves when the signal aborts. */
async function untilAborted(signal: AbortSignal): Promise<void> {
  if (!signal.aborted) await happens(signal, 'abort');
}

async function demo({ once, port, scenario }: DemoOptions): Promise<number> {
  if (process.getuid?.() !== 0) {
    process.stderr.write(
      'demo: it makes network namespaces and starts Docker daemons: run it as root (sudo npm run demo)\n',
    );
    return 1;
  }
  const interrupted = new AbortController();
  const onSignal = (signal: NodeJS.Signals): void => {
    if (interrupted.signal.aborted) process.stderr.write('\ndemo: still cleaning up, a moment\n');
    interrupted.abort(new Error(`ended by ${signal}`));
  };
  process.on('SIGINT', onSignal).on('SIGTERM', onSignal);
  const { signal } = interrupted;
  const progress = createProgress(process.stderr, performance.now.bind(performance));
  let fleet: Fleet;
  try {
    const name = `demo-${String(process.pid)}`;
    fleet = await createFleet({ hosts: 2, name, port, log: progress.report, signal, handleSignals: false });
  } catch (error) {
    progress.end();
    process.stderr.write(`demo: ${error instanceof Error ? error.message : String(error)}\n`);
    return signal.aborted ? interruptedCode : 1;
  }
  progress.end();
  let held = false;
  let interruptedEarly = false;
  // A fleet whose processes were all killed is still to be cleaned up.
  const alive = setInterval(() => undefined, 60_000);
  try {
    held = await Promise.race([perform(fleet, scenario, signal), untilAborted(signal).then(() => false)]);
    interruptedEarly = signal.aborted;
    if (!once && !interruptedEarly) {
      showInvitation(fleet, port);
      await untilAborted(signal);
    }
  } finally {
    clearInterval(alive);
    write('');
    write('Stopping: containers, networks, agents, server and hosts are removed.');
    await fleet.down();
    write('Everything is removed from this machine.');
  }
  return interruptedEarly ? interruptedCode : held ? 0 : 1;
}

/** What the command line asks for. */
interface DemoOptions {
  readonly once: boolean;
  readonly port: number;
  readonly scenario: Scenario;
}

/** S2 where this kernel has no VLANs: the same program in a VM, which nobody could look into from outside. */
async function demoInVm(): Promise<number> {
  write(
    'This kernel has no 8021q, so the demo runs in a VM with the kernel of the distribution: some minutes.',
  );
  return await vmCommand([process.execPath, import.meta.filename, '--vlan', '--once']);
}

function readArguments(): DemoOptions | undefined {
  const { values } = parseArgs({
    options: {
      once: { type: 'boolean', default: false },
      vlan: { type: 'boolean', default: false },
      port: { type: 'string', default: String(defaultPort) },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return undefined;
  const port = Number(values.port);
  if (!Number.isInteger(port) || port < 1 || port > 65_535) {
    throw new Error(`--port is "${values.port}": write a number from 1 to 65535`);
  }
  return { once: values.once, port, scenario: values.vlan ? s2 : s1 };
}

try {
  const options = readArguments();
  if (options === undefined) process.stdout.write(usage);
  else {
    if (options.scenario === s2) await ensureInstalled((line) => process.stderr.write(`${line}\n`));
    const here = options.scenario === s1 || (await kernelHasVlan());
    process.exitCode = here ? await demo(options) : await demoInVm();
  }
} catch (error) {
  process.stderr.write(`demo: ${error instanceof Error ? error.message : String(error)}\n\n${usage}`);
  process.exitCode = 2;
}
