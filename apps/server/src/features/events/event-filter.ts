import { eventTypes, type EventType } from '@trunkline/contracts';
import { invalidFields } from '../../platform/errors.ts';

/** What of the log is asked for. */
export interface EventFilter {
  types?: readonly EventType[];
  network?: string;
  host?: string;
  /** A resource, with those below it. */
  subject?: string;
  since?: Date;
  until?: Date;
}

/** The filters of a request. */
export interface EventQuery {
  type?: string;
  network?: string;
  host?: string;
  subject?: string;
  since?: string;
  until?: string;
}

/** Reads the filters of a request. A type that does not exist is refused: it would be waited for in vain. */
export function readFilter({ type, since, until, ...rest }: EventQuery): EventFilter {
  return {
    ...rest,
    ...(type === undefined ? {} : { types: typesOf(type) }),
    ...(since === undefined ? {} : { since: new Date(since) }),
    ...(until === undefined ? {} : { until: new Date(until) }),
  };
}

function typesOf(text: string): EventType[] {
  const prefix = text.endsWith('.*') ? text.slice(0, -1) : undefined;
  const found = eventTypes.filter((type) => (prefix === undefined ? type === text : type.startsWith(prefix)));
  if (found.length > 0) return found;
  const kinds = [...new Set(eventTypes.map((type) => type.split('.', 1)[0] ?? ''))];
  throw invalidFields([
    {
      pointer: 'query:type',
      message: `is no type of event: send one of /docs/events, or all of a kind: ${kinds.map((kind) => `${kind}.*`).join(', ')}`,
    },
  ]);
}
