import { setTimeout as delay } from 'node:timers/promises';
import type { Health } from './health.ts';
import type { Ledger } from './ledger.ts';
import type { Violation } from './observation.ts';
import { describe, isOnContainer, type ContainerOperation, type Operation, type Step } from './operation.ts';
import type { Outcome } from './perform.ts';
import type { Recorder } from './recorder.ts';
import { inPlannedOrder } from './turns.ts';

/** Does steps, and keeps what came of each operation. */
export interface Steps {
  /** Returns when each of its operations has ended. Throws when the harness itself failed. */
  take(step: Step): Promise<void>;
  readonly count: number;
  /** How often each operation went how, such as `run ok`. */
  readonly outcomes: ReadonlyMap<string, number>;
}

/** What its operations are done with, and where their outcomes go. */
export interface StepsDeps {
  readonly perform: (operation: Operation) => Promise<Outcome>;
  readonly health: Health;
  readonly ledger: Ledger;
  readonly recorder: Recorder;
}

/** Makes Docker ask for an address, where it does ask for one. */
const takesAddress = ({ do: what }: ContainerOperation): boolean =>
  what === 'run' || what === 'start' || what === 'restart' || what === 'connect' || what === 'crash';

export function createSteps({ perform, health, ledger, recorder }: StepsDeps): Steps {
  const outcomes = new Map<string, number>();
  let count = 0;

  function failure(operation: Operation, pin: string | null, { word, detail }: Outcome): Violation {
    const text = `${describe(operation)}${word === 'refused' ? ', with nothing in its way' : ''}: ${detail}`;
    return {
      kind: word === 'ok' || word === 'moot' ? 'refused' : word,
      at: recorder.now(),
      ip: pin,
      hosts: 'host' in operation ? [operation.host] : [],
      containers: isOnContainer(operation) ? [operation.container] : [],
      text,
    };
  }

  async function doOne(operation: Operation): Promise<void> {
    count += 1;
    const text = `#${String(count)} ${describe(operation)}`;
    const container = isOnContainer(operation) ? operation : undefined;
    // Which address it has to be, if it has to be one.
    const pin =
      container === undefined ? null : 'ip' in container ? container.ip : ledger.pinOf(container.container);
    const about = {
      containers: container === undefined ? [] : [container.container],
      ips: pin === null ? [] : [pin],
    };
    health.begin(operation);
    const host = container !== undefined && takesAddress(container) ? container.host : undefined;
    const claim = host === undefined ? undefined : health.claim(host, recorder.now());
    recorder.note(`${text} begins`, about);
    const noteEnd = ledger.begin(operation);
    const outcome = await perform(operation);
    const { word, detail, tookMs } = outcome;
    health.end(operation, recorder.now());
    noteEnd(word);
    if (container !== undefined && host !== undefined && claim !== undefined)
      ledger.noteServer(container, health.reachedServer(host, claim));
    const key = `${operation.do}${pin === null ? '' : ', one address'}: ${word}`;
    outcomes.set(key, (outcomes.get(key) ?? 0) + 1);
    const cause = detail === '' ? '' : `: ${detail}`;
    recorder.note(`${text}: ${word} after ${(tookMs / 1000).toFixed(2)} s${cause}`, about, true);
    // A particular address, or Ethernet address, may be somebody else's.
    const mayBeRefused =
      pin !== null || (container !== undefined && ledger.isParticular(container.container));
    const owed = !mayBeRefused && host !== undefined && claim !== undefined && health.owed(host, claim);
    if (word === 'hung' || word === 'fault' || (word === 'refused' && owed))
      recorder.report([failure(operation, pin, outcome)]);
  }

  return {
    outcomes,
    get count() {
      return count;
    },
    async take({ operations }) {
      const ended = await Promise.allSettled(
        inPlannedOrder(operations).map(async ({ operation, afterMs }) => {
          await delay(afterMs);
          await doOne(operation);
        }),
      );
      const failed = ended.find(({ status }) => status === 'rejected');
      if (failed?.status === 'rejected') throw failed.reason;
    },
  };
}
