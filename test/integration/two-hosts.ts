import { afterAll, beforeAll } from 'vitest';
import {
  callNetworks,
  type NetworkCalls,
} from '../../apps/server/src/features/networks/network-calls.fixture.ts';
import { createTestServer, type TestAgent, type TestServer } from './server.ts';

/** A server with docker01 and docker02, as a test file finds it. */
export interface TwoHosts {
  readonly server: TestServer;
  readonly call: NetworkCalls;
  /** Speaks as docker01. */
  readonly one: TestAgent;
  /** Speaks as docker02. */
  readonly two: TestAgent;
}

/** One for the test file. Each of its parts is there only while tests run. */
export function useTwoHosts(): TwoHosts {
  let opened: TestServer | undefined;
  let hosts: TwoHosts | undefined;
  beforeAll(async () => {
    opened = await createTestServer();
    const [one, two] = [await opened.joinHost('docker01'), await opened.joinHost('docker02')];
    hosts = { server: opened, call: callNetworks(opened), one, two };
  });
  afterAll(() => opened?.close());
  const up = (): TwoHosts => {
    if (hosts === undefined) throw new Error('the server is up only while tests run');
    return hosts;
  };
  return {
    get server() {
      return up().server;
    },
    get call() {
      return up().call;
    },
    get one() {
      return up().one;
    },
    get two() {
      return up().two;
    },
  };
}
