import { UnexpectedAnswer } from './errors.ts';

/** One message of an event stream. */
export interface SseMessage {
  readonly id: string | null;
  readonly event: string;
  readonly data: string;
}

/** A line or message that is longer is no event of ours, in characters. */
const maxMessageLength = 4 * 1024 * 1024;

/** What a reader of an event stream yields, line by line. */
export type SseItem =
  | { readonly kind: 'message'; readonly message: SseMessage }
  | { readonly kind: 'retry'; readonly ms: number };

/**
 * Reads `text/event-stream` (https://html.spec.whatwg.org/multipage/server-sent-events.html section 9.2.6) from bytes
 * cut anywhere. Comments are skipped; a message that the stream broke off is dropped.
 */
export async function* readSse(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<SseItem> {
  let id: string | null = null;
  let event = '';
  let data: string[] = [];
  let length = 0;
  for await (const line of lines(chunks)) {
    if (line === '') {
      if (data.length > 0) {
        yield { kind: 'message', message: { id, event: event || 'message', data: data.join('\n') } };
      }
      event = '';
      data = [];
      length = 0;
      continue;
    }
    const colon = line.indexOf(':');
    if (colon === 0) continue;
    const field = colon === -1 ? line : line.slice(0, colon);
    const value = colon === -1 ? '' : line.slice(colon + 1).replace(/^ /, '');
    if (field === 'data') {
      length += value.length;
      failIfLonger(length);
      data.push(value);
    } else if (field === 'event') event = value;
    else if (field === 'id' && !value.includes('\0')) id = value;
    else if (field === 'retry' && /^[0-9]+$/.test(value)) yield { kind: 'retry', ms: Number(value) };
  }
}

function failIfLonger(length: number): void {
  if (length > maxMessageLength)
    throw new UnexpectedAnswer('an event of the stream is longer than any that a Trunkline server sends');
}

async function* lines(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let rest = '';
  for await (const chunk of chunks) {
    rest += decoder.decode(chunk, { stream: true });
    failIfLonger(rest.length);
    // A CR at the end may be the first half of CRLF.
    const whole = rest.endsWith('\r') ? rest.slice(0, -1) : rest;
    const parts = whole.split(/\r\n|\n|\r/);
    rest = (parts.pop() ?? '') + rest.slice(whole.length);
    yield* parts;
  }
}
