import {
  AUTHORITATIVE_ANSWER,
  DNSSEC_OK,
  RECURSION_DESIRED,
  TRUNCATED_RESPONSE,
  decode,
  encode,
  encodingLength,
} from 'dns-packet';
import type { Answer, OptAnswer, Packet, Question } from 'dns-packet';
import { answer, rcodes, type Reply } from './answer.ts';
import type { Zone } from './zone.ts';

/** How a question came. */
export type Transport = 'udp' | 'tcp';

/** Maximum length of a question, in bytes: a name, its OPT record, and padding (RFC 8467). */
export const maxQuestionBytes = 1232;
/** Maximum length of an answer over UDP: fits into the smallest MTU of IPv6 (https://www.dnsflagday.net/2020/). */
const maxUdpBytes = 1232;
/** What every asker takes over UDP (RFC 1035 section 4.2.1). */
const leastUdpBytes = 512;
/** The fixed part of a message (RFC 1035 section 4.1.1). */
const headerBytes = 12;
const responseFlag = 0x8000;
const opcodeBits = 0x7800;
/** BADVERS is 16: the upper bits stand in the OPT record (RFC 6891 section 6.1.3). */
const badVersionUpperBits = 1;

const noAnswer: Reply = { rcode: 'NOERROR', isAuthoritative: false, answers: [], authorities: [] };

/**
 * The message that answers a message; null for one that gets none: no question, or too short to have a number. Whatever comes, it
 * does not throw for it. Pure.
 */
export function replyTo(message: Buffer, transport: Transport, zone: () => Zone): Buffer | null {
  if (message.length < headerBytes) return null;
  const flags = message.readUInt16BE(2);
  if ((flags & responseFlag) !== 0) return null;
  const head: Head = { id: message.readUInt16BE(0), flags: flags & (opcodeBits | RECURSION_DESIRED) };
  if ((flags & opcodeBits) !== 0) return bare(head, 'NOTIMP');
  const query = read(message);
  if (query === null) return bare(head, 'FORMERR');
  const { question, edns } = query;
  // Labels that hold dots or are no text do not come out as they came in. None of our names is among them.
  if (!isEchoed(message, question)) return bare(head, 'REFUSED');
  if (edns !== null && edns.ednsVersion !== 0)
    return encode(packetOf(head, noAnswer, [question], edns, badVersionUpperBits));
  const reply = answer(zone(), { ...question, class: question.class ?? 'IN' });
  const whole = packetOf(head, reply, [question], edns);
  if (transport === 'tcp' || encodingLength(whole) <= udpBytes(edns)) return encode(whole);
  const truncated = { ...head, flags: head.flags | TRUNCATED_RESPONSE };
  return encode(packetOf(truncated, { ...reply, answers: [], authorities: [] }, [question], edns));
}

interface Head {
  readonly id: number;
  readonly flags: number;
}

interface Query {
  readonly question: Question;
  readonly edns: OptAnswer | null;
}

/** Null for what is no question, or more than one. How many records there are is looked at before any of them is read. */
function read(message: Buffer): Query | null {
  const [questions, answers, authorities, additionals] = [4, 6, 8, 10].map((at) => message.readUInt16BE(at));
  // Beside the OPT record there may be a signature.
  if (message.length > maxQuestionBytes || questions !== 1 || answers !== 0 || authorities !== 0) return null;
  if (additionals === undefined || additionals > 2) return null;
  let packet: Packet;
  try {
    packet = decode(message);
  } catch {
    return null;
  }
  const question = packet.questions?.[0];
  const found = (packet.additionals ?? []).filter((one) => one.type === 'OPT');
  if (question === undefined || found.length > 1 || found.some(({ name }) => name !== '.')) return null;
  return { question, edns: found[0] ?? null };
}

function isEchoed(message: Buffer, question: Question): boolean {
  const own = encode({ questions: [question] }).subarray(headerBytes);
  return own.equals(message.subarray(headerBytes, headerBytes + own.length));
}

const udpBytes = (edns: OptAnswer | null): number =>
  Math.min(maxUdpBytes, Math.max(leastUdpBytes, edns?.udpPayloadSize ?? 0));

const bare = (head: Head, rcode: Reply['rcode']): Buffer =>
  encode(packetOf(head, { ...noAnswer, rcode }, [], null));

function packetOf(
  { id, flags }: Head,
  { rcode, isAuthoritative, answers, authorities }: Reply,
  questions: Question[],
  edns: OptAnswer | null,
  extendedRcode = 0,
): Packet {
  return {
    type: 'response',
    id,
    flags: flags | (isAuthoritative ? AUTHORITATIVE_ANSWER : 0) | rcodes[rcode],
    questions,
    answers: [...answers],
    authorities: [...authorities],
    additionals: edns === null ? [] : [opt(edns, extendedRcode)],
  };
}

const opt = ({ flags }: OptAnswer, extendedRcode: number): Answer => ({
  type: 'OPT',
  name: '.',
  udpPayloadSize: maxUdpBytes,
  extendedRcode,
  ednsVersion: 0,
  // RFC 3225 section 3: as it was asked.
  flags: flags & DNSSEC_OK,
  flag_do: (flags & DNSSEC_OK) !== 0,
  options: [],
});
