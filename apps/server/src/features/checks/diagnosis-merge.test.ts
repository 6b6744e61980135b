/** What several hosts found, put together: the cause first, nothing twice, and nothing out of thin air. */
import type {
  AddressFinding,
  Condition,
  ConditionType,
  DiagnosisTaskResult,
  ReasonOf,
  WireVerdict,
} from '@trunkline/contracts';
import { describe, expect, test } from 'vitest';
import { condition } from '../../platform/conditions.ts';
import { mergeDiagnosis, type DiagnosisEvidence, type HostAnswer } from './diagnosis-merge.ts';
import type { DiagnosisPlan } from './diagnosis-plan.ts';

const networkId = '0192f0c1-6d7e-7a52-9c1b-3f7a5d0e8b11';
const at = new Date('2026-11-30T09:00:00.000Z');

const plan: DiagnosisPlan = {
  target: { network: 'mac_net1', host: null, container: null, from: null, to: null },
  networks: [{ id: networkId, name: 'mac_net1', mtu: null }],
  hosts: ['docker01', 'docker02'].map((name) => ({
    id: name,
    name,
    isAsked: true,
    containers: [],
    trying: [],
  })),
  left: [],
  odd: [],
  pings: [],
  wire: null,
  timeoutSeconds: 30,
};

function answer(host: string, change: Partial<DiagnosisTaskResult> = {}): HostAnswer {
  const mac = host === 'docker01' ? '00:0c:29:00:00:01' : '00:0c:29:00:00:02';
  return {
    host,
    isAsked: true,
    cameAt: at,
    result: {
      at: at.toISOString(),
      findings: [],
      looked: [{ area: 'link', outcome: 'clear', detail: 'interfaces ens33' }],
      machine: null,
      links: [{ networkId, name: 'ens33', mac, mtu: 1500 }],
      pings: [],
      wire: null,
      ...change,
    },
  };
}

const fine: DiagnosisEvidence = {
  plan,
  answers: [answer('docker01'), answer('docker02')],
  failed: [],
  conditions: [],
  addresses: [],
  macs: new Map(),
  stations: new Map(),
  wire: null,
};
const merged = (change: Partial<DiagnosisEvidence> = {}) => mergeDiagnosis({ ...fine, ...change });
const codesOf = (change: Partial<DiagnosisEvidence>) =>
  merged(change).findings.map(({ code, host }) => `${code} ${host ?? 'several'}`);

const since = { generation: 1, since: at };
const isFalse = <T extends ConditionType>(type: T, reason: ReasonOf<T>): Condition =>
  condition(type, 'False', reason, 'as it is', since);
const lostPing = {
  address: '172.16.100.20',
  sent: 5,
  received: 0,
  lossPercent: 100,
  rttMs: null,
  mac: null,
  error: null,
  packetBytes: null,
};
const wire = (code: WireVerdict['code'], hosts: string[], unheard: string | null = null) => ({
  ok: false,
  hosts: [],
  pairs: [
    { from: 'docker01', to: 'docker02', heard: unheard !== 'docker01', pings: [lostPing] },
    { from: 'docker02', to: 'docker01', heard: unheard !== 'docker02', pings: [lostPing] },
  ],
  gateways: [],
  sampled: false,
  verdicts: [{ code, hosts, message: 'it is so', remedy: 'mend it' }],
  message: 'it is so',
});
const dropped = {
  code: 'packets-dropped' as const,
  subject: 'nftables',
  message: 'a rule of this host dropped 12 packets',
  evidence: ['a rule'],
  remedy: 'remove it',
};
const guest = { machine: 'VMware, Inc. VMware Virtual Platform' };

test('of what is well nothing is found, and it is said what was looked at', () => {
  const result = merged();
  expect(result).toMatchObject({ ok: true, findings: [] });
  expect(result.message).toBe('nothing is wrong with mac_net1, looked at on 2 hosts');
  expect(result.looked.map(({ host, area }) => `${area} ${host ?? 'server'}`)).toEqual([
    'state server',
    'link docker01',
    'link docker02',
  ]);
});

test('it is not ok where somebody could not look, and says who and why', () => {
  const looked = [
    { area: 'firewall' as const, outcome: 'not-looked' as const, detail: 'nft is not installed' },
  ];
  const result = merged({ answers: [answer('docker01', { looked }), answer('docker02')] });
  expect(result).toMatchObject({ ok: false, findings: [] });
  expect(result.message).toContain('firewall of docker01 (nft is not installed)');
});

describe('one fault', () => {
  test.each<[string, Partial<DiagnosisEvidence>, string[]]>([
    [
      'a rule that dropped packets stands before what the wire shows of it',
      {
        answers: [answer('docker01'), answer('docker02', { findings: [dropped] })],
        wire: wire('no-path', ['docker01', 'docker02']),
      },
      ['packets-dropped docker02', 'no-path several'],
    ],
    [
      'a host that the server does not hear',
      {
        plan: { ...plan, left: [{ host: 'docker02', why: 'it has not been heard' }] },
        answers: [answer('docker01')],
      },
      ['host-offline docker02'],
    ],
    [
      'a host that did not answer',
      {
        answers: [answer('docker01')],
        failed: [{ host: 'docker02', why: 'it did not answer in time', isSilent: true }],
      },
      ['host-offline docker02'],
    ],
    [
      'a condition, once, whatever Ready says of it',
      {
        conditions: [
          {
            host: 'docker02',
            subject: 'network mac_net1',
            conditions: [isFalse('ParentReady', 'ParentNoCarrier'), isFalse('Ready', 'ParentNoCarrier')],
          },
        ],
      },
      ['no-carrier docker02'],
    ],
    [
      'what a host found and had reported before, once',
      {
        answers: [
          answer('docker01'),
          answer('docker02', {
            findings: [
              { ...dropped, code: 'parent-down', subject: 'interface ens33', message: 'it is down' },
            ],
          }),
        ],
        conditions: [
          {
            host: 'docker02',
            subject: 'network mac_net1',
            conditions: [isFalse('ParentReady', 'ParentDown')],
          },
        ],
      },
      ['parent-down docker02'],
    ],
    [
      'a reason that has no finding of its own',
      {
        conditions: [
          {
            host: 'docker01',
            subject: 'network mac_net1',
            conditions: [isFalse('Ready', 'CreateRefused')],
          },
        ],
      },
      ['not-as-wanted docker01'],
    ],
    [
      'what nobody knows is no finding',
      {
        conditions: [
          {
            host: 'docker01',
            subject: 'network mac_net1',
            conditions: [condition('Ready', 'Unknown', 'HostOffline', 'silent', since)],
          },
        ],
      },
      [],
    ],
    [
      'one MAC on two hosts',
      {
        answers: [answer('docker01'), answer('docker02', { links: answer('docker01').result.links })],
      },
      ['duplicate-mac several'],
    ],
    [
      'MTUs that differ',
      {
        answers: [
          answer('docker01'),
          answer('docker02', { links: [{ networkId, name: 'ens33', mac: '00:0c:29:00:00:02', mtu: 9000 }] }),
        ],
      },
      ['mtu-differs several'],
    ],
    [
      'a clock that is off',
      { answers: [answer('docker01'), answer('docker02', { at: '2026-11-30T09:02:00.000Z' })] },
      ['clock-off docker02'],
    ],
    [
      'a virtual machine that is heard by nobody',
      {
        answers: [answer('docker01'), answer('docker02', guest)],
        wire: wire('frames-not-sent', ['docker02']),
      },
      ['hypervisor-filters docker02', 'frames-not-sent docker02'],
    ],
    [
      'of two hosts the virtual machine that the other does not hear',
      {
        answers: [answer('docker01', guest), answer('docker02', guest)],
        wire: wire('one-way', ['docker01', 'docker02'], 'docker02'),
      },
      ['hypervisor-filters docker02', 'one-way several'],
    ],
    [
      'hardware is not a virtual machine',
      { wire: wire('frames-not-sent', ['docker02']) },
      ['frames-not-sent docker02'],
    ],
    [
      'a trunk that lacks a VLAN is no fault of the hypervisor',
      {
        answers: [answer('docker01', guest), answer('docker02', guest)],
        wire: wire('vlan-missing', ['docker01', 'docker02']),
      },
      ['vlan-missing several'],
    ],
    [
      'a container that does not reach the other, after all that may be its cause',
      {
        answers: [
          answer('docker01', {
            findings: [dropped],
            pings: [{ from: 'box1', to: 'box2', ...lostPing }],
          }),
        ],
      },
      ['packets-dropped docker01', 'no-answer docker01'],
    ],
  ])('%s', (_, change, expected) => {
    expect(codesOf(change)).toEqual(expected);
  });
});

test('two faults: both are named, the one nearer to the cause first', () => {
  expect(
    codesOf({
      answers: [
        answer('docker01', { findings: [dropped] }),
        answer('docker02', { findings: [{ ...dropped, code: 'parent-down', subject: 'interface ens33' }] }),
      ],
      wire: wire('no-path', ['docker01', 'docker02']),
    }),
  ).toEqual(['parent-down docker02', 'packets-dropped docker01', 'no-path several']);
});

test('a rule that dropped packets is the cause where another host misses them, and may be it where nobody does', () => {
  const answers = [answer('docker01'), answer('docker02', { findings: [dropped] })];
  expect(
    merged({ answers, wire: wire('one-way', ['docker01', 'docker02'], 'docker02') }).findings[0],
  ).toMatchObject({ code: 'packets-dropped', severity: 'error' });
  const cut = { ...dropped, code: 'packets-cut' as const, subject: 'container box1' };
  expect(
    codesOf({
      answers: [answer('docker01', { findings: [cut] }), answer('docker02', { findings: [dropped] })],
    }),
  ).toEqual(['packets-dropped docker02', 'packets-cut docker01']);
  expect(merged({ answers }).findings).toMatchObject([
    {
      code: 'packets-may-be-dropped',
      severity: 'warning',
      message: 'a rule of docker02 dropped 12 packets; nothing that was sent was lost',
    },
  ]);
});

test('a container that sends what is for another one elsewhere is found, also where it is answered', () => {
  const ping = { ...lostPing, received: 5, lossPercent: 0, mac: '02:00:00:00:77:77' };
  const answers = [answer('docker01', { pings: [{ from: 'box1', to: 'box2', ...ping }] })];
  const own = '02:42:ac:10:64:14';
  expect(codesOf({ answers, macs: new Map([['172.16.100.20', own]]) })).toEqual(['address-foreign docker01']);
  expect(codesOf({ answers, macs: new Map([['172.16.100.20', ping.mac]]) })).toEqual([]);
  expect(codesOf({ answers })).toEqual([]);
});

test('a container whose own MAC was changed inside is no stranger', () => {
  const mac = '02:00:00:00:77:77';
  const ping = { ...lostPing, received: 5, lossPercent: 0, mac };
  const differs = {
    ...dropped,
    code: 'address-differs' as const,
    subject: 'container box2, interface eth0',
    evidence: [`ip address show eth0 inside box2: ${mac}`],
  };
  const answers = [
    answer('docker01', { pings: [{ from: 'box1', to: 'box2', ...ping }] }),
    answer('docker02', { findings: [differs] }),
  ];
  const macs = new Map([['172.16.100.20', '02:42:ac:10:64:14']]);
  expect(codesOf({ answers, macs })).toEqual(['address-differs docker02']);
});

describe('a conflict that a host reported before', () => {
  const conflicted: AddressFinding = {
    kind: 'conflicted',
    network: 'mac_net1',
    ip: '172.16.100.20',
    state: 'bound',
    mac: '02:00:00:00:66:66',
    holders: [
      { host: 'docker02', container: 'box2', dockerId: null, mac: null, since: null, observedAt: null },
    ],
    message: 'a foreign station answers for it',
    remedy: 'find it',
  };
  const foreign = condition('AddressConflict', 'True', 'ForeignStation', 'another one answers', since);
  const conditions = [{ host: 'docker02', subject: 'network mac_net1', conditions: [foreign] }];
  const withBox2: DiagnosisPlan = {
    ...plan,
    hosts: plan.hosts.map((host) => ({ ...host, containers: host.name === 'docker02' ? ['box2'] : [] })),
  };
  const asked = (outcome: 'clear' | 'found' | 'not-looked') => [
    answer('docker01'),
    answer('docker02', { looked: [{ area: 'wire', outcome, detail: 'who answers for 1 address' }] }),
  ];
  const reported = { addresses: [conflicted], conditions };

  test('is over, where the host asked the wire again and heard nobody', () => {
    expect(merged({ plan: withBox2, answers: asked('clear'), ...reported })).toMatchObject({
      ok: true,
      findings: [],
    });
  });

  test.each<[string, Partial<DiagnosisEvidence>]>([
    ['it heard somebody', { plan: withBox2, answers: asked('found') }],
    ['it could not ask', { plan: withBox2, answers: asked('not-looked') }],
    ['it did not look into that container', { answers: asked('clear') }],
    ['it did not answer', { plan: withBox2, answers: [answer('docker01')] }],
  ])('stands, where %s', (_, change) => {
    expect(codesOf({ ...reported, ...change })).toContain('address-foreign docker02');
  });
});

test('where nothing stands before a lost ping, what is between the hosts is left to be looked at', () => {
  const lost = answer('docker01', { pings: [{ from: 'box1', to: 'box2', ...lostPing }] });
  expect(merged({ answers: [lost] }).findings).toMatchObject([
    { code: 'no-answer', remedy: expect.stringContaining('a switch port that filters broadcasts') },
  ]);
  const explained = merged({ answers: [lost, answer('docker02', { findings: [dropped] })] }).findings;
  expect(explained.map(({ code }) => code)).toEqual(['packets-dropped', 'no-answer']);
  expect(explained[1]?.remedy).toContain('Mend what stands before it');
});

test('who answers for the address of another is named, where it is a container of the fleet', () => {
  const mac = '02:42:68:61:83:5a';
  const onWire = { ...dropped, code: 'address-foreign' as const, subject: 'an address', mac };
  const answers = [answer('docker01', { findings: [onWire] })];
  const stations = new Map([[mac, 'container a1 on docker01']]);
  expect(merged({ answers, stations }).findings).toMatchObject([
    {
      code: 'address-foreign',
      message: 'a rule of docker01 dropped 12 packets; that is the MAC of container a1 on docker01',
      remedy: expect.stringContaining('inside container a1 on docker01'),
    },
  ]);
  expect(merged({ answers }).findings[0]?.remedy).toBe('remove it');
});

test('whoever has an address beside a container is named once, by name where the fleet knows it', () => {
  const subject = 'address 172.16.100.20 of network mac_net1';
  const onWire = {
    ...dropped,
    code: 'address-foreign' as const,
    subject,
    message: '02:4c:41:42:00:01 answers',
  };
  const answers = [answer('docker01'), answer('docker02', { findings: [onWire] })];
  expect(codesOf({ answers })).toEqual(['address-foreign docker02']);
  const holder = { dockerId: null, mac: null, since: null, observedAt: null };
  const known: AddressFinding = {
    kind: 'two-holders',
    network: 'mac_net1',
    ip: '172.16.100.20',
    state: 'bound',
    mac: '02:4c:41:42:00:01',
    holders: [
      { ...holder, host: 'docker02', container: 'box2' },
      { ...holder, host: 'docker01', container: null },
    ],
    message: 'host docker01 itself has it',
    remedy: 'take it off',
  };
  expect(codesOf({ answers, addresses: [known] })).toEqual(['address-on-two several']);
});

test('a host that is only the far end of the probes says nothing of itself', () => {
  const farEnd = { ...answer('docker02', { findings: [dropped] }), isAsked: false };
  expect(merged({ answers: [answer('docker01'), farEnd] })).toMatchObject({ ok: true, findings: [] });
});

test('in the words of a host, "this host" becomes its name', () => {
  const { findings } = merged({
    answers: [answer('docker02', { findings: [{ ...dropped, code: 'parent-down' }] })],
  });
  expect(findings[0]?.message).toBe('a rule of docker02 dropped 12 packets');
});
