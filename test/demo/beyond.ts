/** What comes after S1: what nobody has by hand (S3, S4 and S6), and a fault that is made and found by its name. */
import {
  checkPath,
  connectivityOf,
  type Address,
  type Check,
  type CheckCreate,
  type Container,
  type DiagnosisResult,
  type MatrixResult,
  type Network,
} from '@trunkline/contracts';
import type { LabHost } from '@trunkline/lab/hosts/lab.ts';
import { patient } from '@trunkline/lab/hosts/patience.ts';
import type { Narrator } from './narrator.ts';
import type { Finding } from './verdict.ts';

const wait = (seconds: number): `${number}s` => `${Math.min(300, patient(seconds))}s`;
const pair = { from: { container: 'box1' }, to: { container: 'box2' } };
const address = '172.16.100.20';

/** Carries it out on the network and containers of S1; `docker02` is where the fault is made. Throws when a call is refused. */
export async function goBeyond(narrator: Narrator, docker02: LabHost): Promise<readonly Finding[]> {
  return [
    ...(await namesAndHostAccess(narrator)),
    await sharedStack(narrator),
    ...(await faultAndDiagnosis(narrator, docker02)),
  ];
}

async function check(narrator: Narrator, body: CheckCreate): Promise<Check> {
  const { body: made } = await narrator.ask<Check>(
    { method: 'POST', path: '/v1/checks', body: { ...body, timeoutSeconds: Math.min(120, patient(30)) } },
    { wait: wait(30) },
  );
  if (made.state !== 'done') narrator.show(`${checkPath(made.id)} is ${made.state}: ${made.error ?? ''}`);
  return made;
}

async function namesAndHostAccess(narrator: Narrator): Promise<readonly Finding[]> {
  narrator.step('Names over all hosts, and hosts that reach their own containers: one change of the network');
  const { body } = await narrator.ask<Network>(
    { method: 'PATCH', path: '/v1/networks/mac_net1', body: { names: true, hostAccess: true } },
    { ifMatch: '*', wait: wait(30) },
  );
  narrator.show(`ready: ${String(body.status.ready)}`);

  narrator.step('box1 reaches box2 by name');
  const until = Date.now() + patient(20) * 1000;
  let byName = connectivityOf(await check(narrator, { kind: 'connectivity', ...pair }))?.byName;
  while (byName?.reachable !== true && Date.now() < until)
    byName = connectivityOf(await check(narrator, { kind: 'connectivity', ...pair }))?.byName;
  narrator.show(byName?.message ?? 'no result');

  narrator.step('docker01 reaches box1, which runs on it');
  const pairs = [{ from: { host: 'docker01' }, to: { container: 'box1' } }];
  const matrix = (await check(narrator, { kind: 'matrix', pairs })).result as MatrixResult | null;
  narrator.show(matrix?.message ?? 'no result');
  return [
    {
      promise: 'box1 reaches box2 by name',
      held: byName?.reachable === true,
      seen: byName?.message ?? 'no result',
    },
    {
      promise: 'docker01 reaches its own container',
      held: matrix?.ok === true,
      seen: matrix?.message ?? 'no result',
    },
  ];
}

async function sharedStack(narrator: Narrator): Promise<Finding> {
  narrator.step('A container in the network stack of box1');
  const { body: sharer } = await narrator.ask<Container>(
    {
      method: 'POST',
      path: '/v1/containers',
      body: { name: 'side1', host: 'docker01', image: 'busybox', tty: true, networkMode: 'container:box1' },
    },
    { wait: wait(60) },
  );
  narrator.show(`${sharer.name}  ${sharer.observed?.state ?? 'not seen yet'}`);
  const { body: book } = await narrator.ask<Address>({
    method: 'GET',
    path: '/v1/networks/mac_net1/addresses/172.16.100.10',
  });
  const names = book.sharedBy;
  narrator.show(`172.16.100.10 is box1's, shared by ${names.join(', ') || 'nobody'}`);
  return {
    promise: 'side1 shares the address of box1, and the address book says so',
    held: sharer.running && names.includes('side1'),
    seen: `${sharer.observed?.state ?? 'not seen'}, shared by ${names.join(', ') || 'nobody'}`,
  };
}

/** A rule that somebody left on docker02, as it is typed there. */
const rule = `table netdev left { chain in { type filter hook ingress device ens33 priority 0; ip daddr ${address} counter drop; }; }`;

async function faultAndDiagnosis(narrator: Narrator, docker02: LabHost): Promise<readonly Finding[]> {
  narrator.step(`A fault: somebody drops the packets for box2 on docker02`);
  narrator.show(`docker02# nft '${rule}'`);
  await run(docker02, 'nft', rule);
  narrator.step('Why does box1 not reach box2?');
  const found = await diagnose(narrator);
  narrator.step('The rule is removed, as the finding says');
  narrator.show('docker02# nft delete table netdev left');
  await run(docker02, 'nft', 'delete table netdev left');
  const mended = await diagnose(narrator);
  const [first] = found;
  const errors = mended.filter(({ severity }) => severity === 'error');
  return [
    {
      promise: 'the diagnosis names the rule first, on its host',
      held: first?.code === 'packets-dropped' && first.host === 'docker02',
      seen: first === undefined ? 'nothing was found' : `${first.code} on ${first.host ?? 'several hosts'}`,
    },
    {
      promise: 'without the rule nothing is wrong',
      held: errors.length === 0,
      seen: errors.length === 0 ? 'no error' : errors.map(({ message }) => message).join('; '),
    },
  ];
}

async function diagnose(narrator: Narrator): Promise<DiagnosisResult['findings']> {
  const result = (await check(narrator, { kind: 'diagnose', ...pair })).result as DiagnosisResult | null;
  for (const { code, severity, host, message, evidence, remedy } of result?.findings ?? []) {
    narrator.show(`${severity} ${code} on ${host ?? 'several hosts'}: ${message}`);
    for (const line of evidence.slice(0, 3)) narrator.show(`    ${line}`);
    narrator.show(`    to do: ${remedy}`);
  }
  narrator.show(result?.message ?? 'no result');
  return result?.findings ?? [];
}

async function run(host: LabHost, ...argv: string[]): Promise<void> {
  const { code, stderr } = await host.exec(argv);
  if (code !== 0) throw new Error(`${argv.join(' ')} on ${host.name}: ${stderr.trim()}`);
}
