import { generateKeyPairSync, randomBytes, randomUUID, type KeyObject } from 'node:crypto';
import { signRequest } from '@trunkline/client';
import {
  agentProtocolVersion,
  type CheckReport,
  type DesiredDocument,
  type HostFacts,
  type Report,
} from '@trunkline/contracts';

/** An answer of the server, its body read as JSON where there is one. */
export interface TestAnswer {
  status: number;
  headers: Record<string, string>;
  // Tests look into bodies of every kind.
  // oxlint-disable-next-line typescript/no-explicit-any
  body: any;
}

/** Sends a request as it stands. */
export type Send = (
  method: string,
  url: string,
  body: string | undefined,
  headers: Record<string, string>,
) => Promise<TestAnswer>;

/** What a signed request is made of, for tests that forge one. */
export interface SignedRequest {
  method: string;
  url: string;
  body: string | undefined;
  headers: Record<string, string>;
}

/** What may differ from what an honest agent signs. */
export interface Forgery {
  created?: Date;
  nonce?: string;
  instance?: string;
  hostId?: string;
  privateKey?: KeyObject;
}

/** An agent that does nothing but speak the protocol. */
export interface TestAgent {
  name: string;
  hostId: string;
  privateKey: KeyObject;
  instance: string;
  /** The same identity in another process. */
  restarted(as?: string): TestAgent;
  sign(method: string, url: string, body?: unknown, forgery?: Forgery): Promise<SignedRequest>;
  send(method: string, url: string, body?: unknown, forgery?: Forgery): Promise<TestAnswer>;
  desired(query?: string): Promise<TestAnswer>;
  /** The desired document as it is now. */
  document(): Promise<DesiredDocument>;
  /** Reports; what is left out is empty. */
  report(report?: Partial<Report>): Promise<TestAnswer>;
  checkResult(id: string, report: CheckReport): Promise<TestAnswer>;
}

/** Facts of a host that does not exist. */
export function testFacts(hostname: string): HostFacts {
  return {
    hostname,
    bootId: '6f0c3f3e-4b0e-4a86-9d55-5d5cb2a4e0a1',
    os: 'Debian GNU/Linux 12 (bookworm)',
    kernel: '6.1.0-18-amd64',
    architecture: 'x64',
    cpus: 2,
    memoryBytes: '8327454720',
    agentVersion: '0.1.0',
    modules: { macvlan: true, vlan: true },
    forwarding: { ipv4: false, ipv6: false },
    docker: { reachable: true, version: '20.10.24', apiVersion: '1.41' },
    interfaces: [
      {
        name: 'ens33',
        mac: '00:0c:29:3a:5b:01',
        mtu: 1500,
        up: true,
        carrier: true,
        promiscuous: false,
        speedMbps: 1000,
        kind: null,
        vlan: null,
        parent: null,
        addresses: ['172.16.1.30/24'],
      },
    ],
  };
}

/** A key pair as an agent makes it. */
export function newAgentKey(): { privateKey: KeyObject; publicKey: string } {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519');
  return { privateKey, publicKey: publicKey.export({ format: 'jwk' }).x! };
}

/** The body of a join. */
export function joinBody(name: string, token: string, publicKey: string): Record<string, unknown> {
  return { protocol: agentProtocolVersion, token, name, publicKey, facts: testFacts(name) };
}

/** An agent for a host that has joined; `server`: the one that it speaks to from now on. */
export function createTestAgent(
  identity: { name: string; hostId: string; privateKey: KeyObject },
  deps: { send: Send; now: () => Date },
  instance: string = randomUUID(),
): TestAgent {
  const sign: TestAgent['sign'] = async (method, url, body, forgery = {}) => {
    const text = body === undefined ? '' : JSON.stringify(body);
    const by = {
      hostId: forgery.hostId ?? identity.hostId,
      privateKey: forgery.privateKey ?? identity.privateKey,
    };
    const signed = await signRequest({ method, url: new URL(url, 'http://trunkline.test'), body: text }, by, {
      created: forgery.created ?? deps.now(),
      nonce: forgery.nonce ?? randomBytes(16).toString('base64url'),
      instance: forgery.instance ?? instance,
    });
    return {
      method,
      url,
      body: text === '' ? undefined : text,
      headers: { ...signed, ...(text === '' ? {} : { 'content-type': 'application/json' }) },
    };
  };
  const send: TestAgent['send'] = async (method, url, body, forgery) => {
    const request = await sign(method, url, body, forgery);
    return deps.send(request.method, request.url, request.body, request.headers);
  };
  return {
    ...identity,
    instance,
    sign,
    send,
    restarted: (as) => createTestAgent(identity, deps, as),
    desired: (query = '') => send('GET', `/agent/v1/desired${query}`),
    async document() {
      const answer = await send('GET', '/agent/v1/desired');
      if (answer.status !== 200) throw new Error(`desired: ${answer.status} ${JSON.stringify(answer.body)}`);
      return answer.body as DesiredDocument;
    },
    report: (report = {}) =>
      send('POST', '/agent/v1/report', {
        observedAt: deps.now().toISOString(),
        observedRevision: '0',
        facts: testFacts(identity.name),
        conditions: [],
        placements: [],
        containers: [],
        inventory: [],
        ...report,
      }),
    checkResult: (id, report) => send('POST', `/agent/v1/checks/${id}`, report),
  };
}
