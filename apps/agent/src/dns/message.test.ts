import { DNSSEC_OK, RECURSION_DESIRED, decode, encode, type Packet, type Question } from 'dns-packet';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { maxQuestionBytes, replyTo, type Transport } from './message.ts';
import { zoneOf } from './zone.ts';
import { named } from '../names/named.fixture.ts';
import { namedNetwork } from './zone.fixture.ts';

const many = Array.from({ length: 60 }, (_, at) =>
  named(`c${at}`, { ipv4: `172.16.100.${at + 100}`, aliases: ['all'], since: at }),
);
const zone = zoneOf([namedNetwork([named('box2'), ...many])], 'trunkline.internal', 1);
const name = 'box2.mac_net1.trunkline.internal';
const all = '_80._tcp.all.mac_net1.trunkline.internal';

const query = (more: Partial<Packet> = {}, question: Partial<Question> = {}): Packet => ({
  type: 'query',
  id: 4711,
  flags: RECURSION_DESIRED,
  questions: [{ type: 'A', name, class: 'IN', ...question }],
  ...more,
});
const edns = (udpPayloadSize: number, more: object = {}): Pick<Packet, 'additionals'> => ({
  additionals: [
    {
      type: 'OPT',
      name: '.',
      udpPayloadSize,
      extendedRcode: 0,
      ednsVersion: 0,
      flags: 0,
      flag_do: false,
      options: [],
      ...more,
    },
  ],
});
type Decoded = Packet & {
  rcode: string;
  flag_aa: boolean;
  flag_tc: boolean;
  flag_ra: boolean;
  flag_rd: boolean;
};
const send = (message: Buffer, transport: Transport = 'udp') => replyTo(message, transport, () => zone);
function ask(packet: Packet, transport: Transport = 'udp'): Decoded {
  const reply = send(encode(packet), transport);
  if (reply === null) throw new Error('no answer');
  return decode(reply) as unknown as Decoded;
}
const rcodeOf = (message: Buffer): string | null => {
  const reply = send(message);
  return reply === null ? null : (decode(reply) as unknown as Decoded).rcode;
};

test('a response has the id, the question and the RD flag of its query, and is authoritative', () => {
  expect(ask(query())).toMatchObject({
    id: 4711,
    type: 'response',
    rcode: 'NOERROR',
    flag_aa: true,
    flag_tc: false,
    flag_rd: true,
    flag_ra: false,
    questions: [{ name, type: 'A' }],
    answers: [{ name, type: 'A', ttl: 5, data: '172.16.100.20' }],
    additionals: [],
  });
});

test('the case of the question is kept (draft-vixie-dnsext-dns0x20)', () => {
  const mixed = 'BoX2.mAc_nEt1.TrUnKlInE.iNtErNaL';
  expect(ask(query({}, { name: mixed }))).toMatchObject({
    questions: [{ name: mixed }],
    answers: [{ name: mixed }],
  });
});

test.each([
  ['HTTPS', 65],
  ['a type of nobody', 65_280],
])('%s is NODATA', (_, type) => {
  const reply = ask(query({}, { type: `UNKNOWN_${type}` as Question['type'] }));
  expect(reply).toMatchObject({ rcode: 'NOERROR', answers: [], authorities: [{ type: 'SOA' }] });
});

describe('EDNS', () => {
  test('who sends an OPT record gets one, with the size that is taken here and their DO bit', () => {
    const { additionals } = ask(query(edns(4096, { flags: DNSSEC_OK })));
    expect(additionals).toMatchObject([
      { type: 'OPT', udpPayloadSize: 1232, extendedRcode: 0, flags: DNSSEC_OK },
    ]);
  });

  test('also with a refusal', () => {
    expect(ask(query(edns(4096), { name: 'example.com' }))).toMatchObject({
      rcode: 'REFUSED',
      flag_aa: false,
      answers: [],
      additionals: [{ type: 'OPT' }],
    });
  });

  test('a version that is not known is BADVERS', () => {
    const reply = ask(query(edns(4096, { ednsVersion: 1 })));
    expect(reply).toMatchObject({
      answers: [],
      additionals: [{ type: 'OPT', extendedRcode: 1, ednsVersion: 0 }],
    });
  });

  test('cookies, padding and client subnets do not matter', () => {
    const options = [
      { code: 10, data: Buffer.alloc(8, 1) },
      { code: 8, data: Buffer.from('0001180a000001', 'hex').subarray(0, 7) },
      { code: 12, data: Buffer.alloc(300) },
    ];
    expect(ask(query(edns(1232, { options }))).answers).toHaveLength(1);
  });

  test('two OPT records are a fault', () => {
    const [one] = edns(1232).additionals!;
    expect(rcodeOf(encode(query({ additionals: [one!, one!] })))).toBe('FORMERR');
  });
});

describe('what does not fit', () => {
  test.each([
    ['without EDNS', {}, 512],
    ['with a small size', edns(100), 512],
    ['with the largest size', edns(65_535), 1232],
  ])('is truncated over UDP, %s', (_, more, bytes) => {
    const message = encode(query(more, { name: all, type: 'SRV' }));
    const reply = send(message)!;
    expect(reply.length).toBeLessThanOrEqual(bytes);
    expect(decode(reply)).toMatchObject({ flag_tc: true, answers: [], questions: [{ name: all }] });
  });

  test('comes in full over TCP', () => {
    const reply = ask(query({}, { name: all, type: 'SRV' }), 'tcp');
    expect(reply.flag_tc).toBe(false);
    expect(reply.answers).toHaveLength(60);
  });

  test('at most 64 KiB over TCP, with names as long as names can be', () => {
    const label = 'x'.repeat(50);
    const alias = `${'a'.repeat(50)}.${label}`;
    const ones = Array.from({ length: 200 }, (_, at) =>
      named(`${label}${at + 100}.${label}`, { aliases: [alias], ipv4: `10.0.0.${at}` }),
    );
    const network = 'n'.repeat(63);
    const wide = zoneOf([namedNetwork(ones, { name: network })], `${label}.internal`, 1);
    const asked = `_65535._tcp.${alias}.${network}.${label}.internal`;
    const reply = replyTo(encode(query({}, { name: asked, type: 'SRV' })), 'tcp', () => wide)!;
    expect(decode(reply).answers).toHaveLength(64);
    expect(reply.length).toBeLessThan(65_536);
  });
});

describe('no question', () => {
  const good = encode(query());
  const changed = (at: number, value: number): Buffer => {
    const copy = Buffer.from(good);
    copy.writeUInt16BE(value, at);
    return copy;
  };

  test.each([
    ['nothing', Buffer.alloc(0)],
    ['less than a header', good.subarray(0, 11)],
    ['an answer: two responders would answer each other for ever', encode(query({ type: 'response' }))],
  ])('%s gets no answer', (_, message) => {
    expect(send(message)).toBeNull();
  });

  test.each([
    ['a header alone', good.subarray(0, 12)],
    ['a name that was cut off', good.subarray(0, 20)],
    ['a type that was cut off', good.subarray(0, good.length - 3)],
    ['no question', changed(4, 0)],
    ['two questions', encode(query({ questions: [...query().questions!, ...query().questions!] }))],
    ['more questions than there are', changed(4, 65_535)],
    ['records that nobody sends with a question', changed(6, 65_535)],
    ['more records than there are', changed(10, 2)],
    ['more records than make sense', changed(10, 65_535)],
    ['more than a question may have', Buffer.concat([good, Buffer.alloc(maxQuestionBytes)])],
    [
      'a name that leads to itself',
      Buffer.concat([good.subarray(0, 12), Buffer.from('c00c00010001', 'hex')]),
    ],
    ['a label that is no label', Buffer.concat([good.subarray(0, 12), Buffer.from('80010001', 'hex')])],
  ])('%s is FORMERR', (_, message) => {
    const reply = send(message)!;
    expect(decode(reply)).toMatchObject({ id: 4711, rcode: 'FORMERR', questions: [], answers: [] });
  });

  test.each([1, 2, 4, 5, 15])('opcode %i is NOTIMP', (opcode) => {
    expect(rcodeOf(changed(2, opcode << 11))).toBe('NOTIMP');
  });

  test.each([
    [
      'a dot within a label',
      Buffer.from('\x0dbox2.mac_net1\x09trunkline\x08internal\0\0\x01\0\x01', 'latin1'),
    ],
    ['bytes that are no text', Buffer.from('\x02\xff\xfe\x09trunkline\x08internal\0\0\x01\0\x01', 'latin1')],
    ['a name that leads into the header', Buffer.from('\xc0\x00\0\x01\0\x01', 'latin1')],
  ])('%s is nobody of ours', (_, question) => {
    expect(['REFUSED', 'FORMERR']).toContain(rcodeOf(Buffer.concat([good.subarray(0, 12), question])));
  });

  test('property: whatever comes, there is an answer with its number or none, and none that is much longer over UDP', () => {
    const bytes = fc.uint8Array({ maxLength: 1500 }).map((one) => Buffer.from(one));
    const bent = fc
      .tuple(
        fc.constantFrom(
          good,
          encode(query(edns(1232))),
          encode(query(edns(4096), { name: all, type: 'SRV' })),
        ),
        fc.array(fc.tuple(fc.nat(200), fc.nat(255)), { maxLength: 6 }),
        fc.nat(80),
      )
      .map(([message, changes, cut]) => {
        const copy = Buffer.from(message);
        for (const [at, value] of changes) if (at < copy.length) copy[at] = value;
        return cut > 40 ? copy : copy.subarray(0, copy.length - cut);
      });
    fc.assert(
      fc.property(fc.oneof(bytes, bent), fc.constantFrom('udp', 'tcp'), (message, transport: Transport) => {
        const reply = send(message, transport);
        if (reply === null) return;
        expect(reply.readUInt16BE(0)).toBe(message.readUInt16BE(0));
        expect(reply.readUInt16BE(2) & 0x8000).not.toBe(0);
        expect(reply.length).toBeLessThanOrEqual(transport === 'udp' ? 1232 : 65_535);
        expect(() => decode(reply)).not.toThrow();
      }),
      { numRuns: 3000 },
    );
  });
});
