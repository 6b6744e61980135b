import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import split2 from 'split2';
import type { DockerEventsOptions, DockerPullProgress } from './docker-engine.ts';
import { DockerRefused, DockerUnreachable } from './docker-errors.ts';
import type { DockerClients, DockerSession } from './docker-session.ts';
import { eventFromWire, pullLineFromWire } from './docker-wire.ts';

/** Follows Docker's events; see `DockerEngine.events`. */
export async function followEvents(
  session: DockerSession,
  follow: DockerEventsOptions,
  options: { readonly openTimeoutMs: number; readonly nowMs: () => number },
): Promise<void> {
  const { signal, onEvent, onConnect } = follow;
  if (signal.aborted) return;
  const operation = 'follow events';
  try {
    // A look while the last daemon ended may still have brought that one's versions.
    session.forget();
    const stream = await session.call({
      operation,
      timeoutMs: options.openTimeoutMs,
      run: (clients, opening) =>
        openEvents(clients, AbortSignal.any([opening, signal]), Math.floor(options.nowMs() / 1000)),
    });
    onConnect?.();
    await eachLine(stream, signal, (line) => {
      const event = eventFromWire(line);
      if (event !== undefined) onEvent(event);
    });
  } catch (error) {
    if (signal.aborted) return;
    if (isBroken(error)) throw new DockerUnreachable(operation, error.code, 'the event stream broke', error);
    throw error;
  } finally {
    // The stream ends with its daemon.
    session.forget();
  }
}

/** Pulls an image; see `DockerEngine.pullImage`. */
export async function pullImage(
  session: DockerSession,
  ref: string,
  onProgress: ((progress: DockerPullProgress) => void) | undefined,
  options: { readonly silenceMs: number },
): Promise<void> {
  const operation = `pull ${ref}`;
  const stop = new AbortController();
  const silence = setTimeout(() => stop.abort(), options.silenceMs);
  try {
    const stream = await session.call({
      operation,
      timeoutMs: options.silenceMs,
      run: ({ patient }, opening) =>
        patient.pull(ref, { abortSignal: AbortSignal.any([opening, stop.signal]) }),
    });
    // The type is that of any readable stream; what comes over HTTP is a real one.
    await eachLine(stream as Readable, stop.signal, (line) => {
      silence.refresh();
      const progress = pullLineFromWire(line);
      if ('failed' in progress) throw new DockerRefused(operation, 500, progress.failed);
      onProgress?.(progress);
    });
  } catch (error) {
    if (stop.signal.aborted) {
      throw new DockerUnreachable(operation, 'timeout', `no progress for ${options.silenceMs} ms`, error);
    }
    if (isBroken(error)) throw new DockerUnreachable(operation, error.code, 'the download broke off', error);
    throw error;
  } finally {
    clearTimeout(silence);
  }
}

async function openEvents(
  { patient }: DockerClients,
  abortSignal: AbortSignal,
  since: number,
): Promise<Readable> {
  // Docker answers before it has subscribed; `since` makes it replay what fell into that gap.
  const stream = await patient.getEvents({
    since,
    filters: { type: ['container', 'network'] },
    abortSignal,
  });
  return stream as Readable;
}

/** Hands over each line of a stream of JSON lines; a line that is no JSON (cut off at the end) is dropped. */
async function eachLine(
  stream: Readable,
  signal: AbortSignal,
  onLine: (line: unknown) => void,
): Promise<void> {
  await pipeline(
    stream,
    split2(),
    async (lines: AsyncIterable<string>) => {
      for await (const line of lines) {
        const parsed = parseLine(line);
        if (parsed !== undefined) onLine(parsed);
      }
    },
    { signal },
  );
}

function parseLine(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}

function isBroken(error: unknown): error is Error & { code: string } {
  return (
    error instanceof Error && 'code' in error && typeof error.code === 'string' && !('operation' in error)
  );
}
