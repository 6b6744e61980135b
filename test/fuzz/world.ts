import { randomBytes, randomUUID } from 'node:crypto';
import { signRequest } from '@trunkline/client';
import { newAgentKey } from '../integration/agent-stub.ts';
import type { TestAgent, TestServer } from '../integration/server.ts';
import type { Answer } from './judge.ts';
import type { FuzzRequest } from './requests.ts';
import type { Making, Schema } from './schema-arbitrary.ts';

/** What the generated requests are about: a server with hosts and networks, and names that mean something there. */
export interface World {
  making: Making;
  /** The headers of a request with what proves who sends it. */
  signed(request: FuzzRequest, of: 'api' | 'agents'): Promise<Record<string, string>>;
  /** Remembers ids that an answer brought. */
  learn(request: FuzzRequest, answer: Answer): void;
  /** Makes again what the requests took away and everything else needs: the host that signs. */
  mend(): Promise<void>;
}

const networks = ['lan0', 'lan1'];
const maxIds = 20;
const ids = /"(?:id|networkId)":"([0-9a-f-]{36})"/g;

export async function createWorld(server: TestServer): Promise<World> {
  const known: Record<string, string[]> = {
    network: networks,
    host: ['docker01', 'docker02', 'docker03'],
    container: ['box1', 'box2'],
    name: [...networks, 'docker01', 'docker02', 'box1', 'box2', 'new1'],
    names: ['docker01', 'docker02'],
    owner: ['web-1', 'container:box1'],
    ip: ['10.60.0.10', '10.60.0.11', '10.60.1.5', 'fd00::5'],
    address: ['10.60.0.10', '10.60.0.12', '10.60.1.5'],
    cidr: ['10.60.0.0/24', '10.60.2.0/24', 'fd00::/64'],
    gateway: ['10.60.0.1', '10.60.2.1'],
    ranges: ['10.60.0.10-10.60.0.90'],
    exclude: ['10.60.0.20'],
    subnet: ['10.60.0.0/24'],
    mac: ['02:42:ac:10:64:0a'],
    label: ['rack=a3'],
    networkMode: ['container:box1'],
    id: [randomUUID()],
    networkId: [],
    revision: ['1'],
  };
  for (const [n, name] of networks.entries()) {
    const subnets = [{ cidr: `10.60.${n}.0/24`, gateway: `10.60.${n}.1` }];
    const made = await server.request('POST', '/v1/networks', { name, hosts: { all: true }, subnets });
    const { body } = made.status === 201 ? made : await server.request('GET', `/v1/networks/${name}`);
    if (typeof body.id === 'string') known['networkId']?.push(body.id);
  }
  const viewer = await server.as('viewer');
  for (const name of ['docker01', 'docker02']) {
    // Another world on the same server has them.
    if ((await server.request('GET', `/v1/hosts/${name}`)).status === 404) await server.joinHost(name);
  }
  let agent = await server.joinHost(`signer-${randomUUID().slice(0, 8)}`);
  let weak: TestAgent = agent;
  let mending: Promise<void> | undefined;
  let gone = false;
  const { privateKey: wrongKey } = newAgentKey();

  const sign = async ({ method, url, body, by }: FuzzRequest): Promise<Record<string, string>> => {
    if (by === 'nobody') return {};
    const identity = { hostId: weak.hostId, privateKey: by === 'weak' ? wrongKey : agent.privateKey };
    return signRequest({ method, url: new URL(url, 'http://trunkline.test'), body: body ?? '' }, identity, {
      created: server.clock.now(),
      nonce: randomBytes(16).toString('base64url'),
      instance: agent.instance,
    });
  };

  return {
    making: {
      known: (field) => known[field] ?? [],
      resolve: (ref): Schema => {
        throw new Error(`a body refers to ${ref}`);
      },
    },
    async signed(request, of) {
      const { headers, by } = request;
      if (of === 'agents') return { ...headers, ...(await sign(request)) };
      if (by === 'nobody') return headers;
      return { ...headers, ...(by === 'weak' ? viewer : { authorization: `Bearer ${server.token}` }) };
    },
    learn({ operation, method }, { status, text }) {
      if (/host_not_joined/.test(text)) gone = true;
      if (method !== 'POST' || status >= 300 || operation.path.startsWith('/v1/tokens')) return;
      for (const [, id] of text.matchAll(ids))
        for (const list of [known['id'], known['networkId']]) {
          if (id === undefined || list === undefined || list.includes(id)) continue;
          list.push(id);
          if (list.length > maxIds) list.shift();
        }
    },
    async mend() {
      if (!gone) return;
      mending ??= (async () => {
        agent = await server.joinHost(`signer-${randomUUID().slice(0, 8)}`);
        weak = agent;
        gone = false;
      })().finally(() => {
        mending = undefined;
      });
      await mending;
    },
  };
}
