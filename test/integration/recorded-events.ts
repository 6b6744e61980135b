import { Ajv, type ValidateFunction } from 'ajv';
import addFormats from 'ajv-formats';
import { eventTable, eventTypes } from '@trunkline/contracts';
import type { Database } from '../../apps/server/src/platform/database/database.ts';

const ajv = new Ajv({ strict: false, allowUnionTypes: true });
addFormats.default(ajv);

const checks = new Map<string, ValidateFunction>(
  eventTypes.map((type) => [type, ajv.compile(eventTable[type].data)]),
);

/**
 * Events of the log that are not as the table of events says: of an unknown type, or with other `data`. What the server
 * records, the compiler compares with the table; what SQL records, only this does.
 */
export async function oddEvents(database: Database): Promise<string[]> {
  const events = await database.prisma.event.findMany({ orderBy: { revision: 'asc' } });
  return events.flatMap(({ type, subject, data }) => {
    const check = checks.get(type);
    if (check === undefined) return [`${type} of ${subject} is in no table`];
    return check(data)
      ? []
      : [`${type} of ${subject}: ${ajv.errorsText(check.errors)} in ${JSON.stringify(data)}`];
  });
}
