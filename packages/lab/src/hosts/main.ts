/** The lab's command line: `npm run lab -- up --hosts 2`. See README.md beside this file. */
import { once } from 'node:events';
import { parseArgs } from 'node:util';
import { exitCodeOfSignal } from './commands.ts';
import { thisCheckoutsLab } from './default-name.ts';
import { prepareEngine } from './engine-package.ts';
import { createLab, openLab, removeLab, type Lab } from './lab.ts';
import { messageOf } from '@trunkline/log';

const USAGE = `usage: npm run lab -- COMMAND [--lab NAME] [--json]
  up [--hosts N] [--engine ENGINE]  build a lab (default: 2 hosts) that lives until down; ENGINE is a folder with
                                    the programs of a Docker release, or a major version of the distribution
  engine MAJOR                      download that Docker Engine (26, 28, …) from the distribution, print its folder
  down                              remove it, and every lab whose owner has died
  status                            what is up
  exec HOST -- CMD [ARG...]         run CMD inside a host
  expose PORT [TARGET-PORT]         hosts reach the machine's 127.0.0.1:TARGET-PORT on 172.16.1.1:PORT
  cut HOST | mend HOST              pull a host's cable, plug it back in
  drop-vlan HOST VLAN | carry-vlan HOST VLAN  whether the host's switch port carries a VLAN
  kill-dockerd HOST | stop-dockerd HOST | start-dockerd HOST
  reboot HOST [--no-docker]         power off and on; only its disk stays
  add-station IP MAC                a foreign machine on the switch
  remove-station NAME
Without --lab it is the lab of this checkout: ${thisCheckoutsLab()}`;

/** Verbs that need a host (or port, address, name) of a lab that is up. */
const ON_A_LAB = new Set([
  'exec',
  'expose',
  'cut',
  'mend',
  'drop-vlan',
  'carry-vlan',
  'kill-dockerd',
  'stop-dockerd',
  'start-dockerd',
  'reboot',
  'add-station',
  'remove-station',
]);

/** Progress goes to stderr: stdout carries results only. */
function log(line: string): void {
  process.stderr.write(`lab: ${line}\n`);
}

function print(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value)}\n`);
}

function describe(lab: Lab): object {
  const hosts = lab.hosts.map(({ name, dockerSocket, netns, uplink, address, mac }) => {
    return { name, dockerSocket, netns, uplink, address, mac };
  });
  const { name, id, switchAddress, switchNetns } = lab;
  return { name, id, switchAddress, switchNetns, hosts };
}

async function up(name: string, hosts: number, engine: string | undefined, json: boolean): Promise<number> {
  const abort = new AbortController();
  process.on('SIGINT', () => {
    abort.abort(new Error('interrupted'));
  });
  process.on('SIGTERM', () => {
    abort.abort(new Error('terminated'));
  });
  const lab = await createLab({
    name,
    hosts,
    ...(engine === undefined ? {} : { engine }),
    log,
    keep: true,
    signal: abort.signal,
  });
  if (json) print(describe(lab));
  else
    for (const host of lab.hosts)
      process.stdout.write(`${host.name} ${host.address} unix://${host.dockerSocket}\n`);
  return 0;
}

async function status(name: string, json: boolean): Promise<number> {
  const lab = await openLab(name);
  const states = await lab.status();
  if (json) {
    const hosts = lab.hosts.map((host) => ({ ...host, ...states.find((entry) => entry.name === host.name) }));
    print({ ...describe(lab), hosts });
  } else {
    for (const { name: host, running, docker } of states) {
      process.stdout.write(
        `${host} ${running ? 'on' : 'off'}, Docker ${docker ? 'answers' : 'does not answer'}\n`,
      );
    }
  }
  return states.every((entry) => entry.running && entry.docker) ? 0 : 1;
}

async function execute(lab: Lab, host: string, argv: readonly string[]): Promise<number> {
  const child = lab.host(host).spawn(argv, { stdio: 'inherit', cwd: process.cwd() });
  // Ctrl-C reaches the child by itself; this process has to stay for its exit code.
  process.on('SIGINT', () => undefined);
  process.on('SIGTERM', () => child.kill('SIGTERM'));
  const [code, ended] = (await once(child, 'close')) as [number | null, NodeJS.Signals | null];
  return code ?? (ended === null ? 1 : exitCodeOfSignal(ended));
}

async function change(
  lab: Lab,
  verb: string,
  first: string,
  second: string,
  docker: boolean,
): Promise<number> {
  switch (verb) {
    case 'cut':
      await lab.cut(first);
      return 0;
    case 'mend':
      await lab.mend(first);
      return 0;
    case 'drop-vlan':
    case 'carry-vlan':
      await lab.setVlan(first, Number(second), verb === 'drop-vlan' ? 'missing' : 'carried');
      return 0;
    case 'kill-dockerd':
      await lab.killDockerd(first);
      return 0;
    case 'stop-dockerd':
      await lab.stopDockerd(first);
      return 0;
    case 'start-dockerd':
      await lab.startDockerd(first);
      return 0;
    case 'reboot':
      await lab.reboot(first, { docker });
      return 0;
    case 'expose':
      print(await lab.expose(Number(first), Number(second === '' ? first : second)));
      return 0;
    case 'add-station':
      print(await lab.addStation({ ip: first, mac: second }));
      return 0;
    case 'remove-station':
      await lab.removeStation(first);
      return 0;
    default:
      process.stderr.write(`${USAGE}\n`);
      return 2;
  }
}

async function main(argv: readonly string[]): Promise<number> {
  const split = argv.indexOf('--');
  const command = split === -1 ? [] : argv.slice(split + 1);
  const { values, positionals } = parseArgs({
    args: split === -1 ? [...argv] : argv.slice(0, split),
    allowPositionals: true,
    options: {
      lab: { type: 'string', default: thisCheckoutsLab() },
      hosts: { type: 'string', default: '2' },
      engine: { type: 'string' },
      json: { type: 'boolean', default: false },
      'no-docker': { type: 'boolean', default: false },
    },
  });
  const [verb = '', first = '', second = ''] = positionals;
  const { lab: name, json } = values;
  if (verb === 'up') return await up(name, Number(values.hosts), values.engine, json);
  if (verb === 'engine' && /^\d+$/.test(first)) {
    process.stdout.write(`${await prepareEngine(Number(first), log)}\n`);
    return 0;
  }
  if (verb === 'status') return await status(name, json);
  if (verb === 'down') {
    if (!(await removeLab(name, log))) log(`there was no lab ${name}`);
    return 0;
  }
  if (!ON_A_LAB.has(verb) || first === '' || (verb === 'exec' && command.length === 0)) {
    process.stderr.write(`${USAGE}\n`);
    return 2;
  }
  const lab = await openLab(name);
  if (verb === 'exec') return await execute(lab, first, command);
  return await change(lab, verb, first, second, !values['no-docker']);
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  log(messageOf(error));
  process.exitCode = 1;
}
