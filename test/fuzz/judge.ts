import { errorTable } from '@trunkline/contracts';

/** An answer as it came. */
export interface Answer {
  status: number;
  headers: Readonly<Record<string, string>>;
  text: string;
  ms: number;
}

/** What an operation says of its answers. */
export interface Promised {
  /** Statuses that it documents itself; others must be problems. */
  statuses: readonly number[];
  /** What is wrong with a body of a status, or undefined. */
  fault: (status: number, body: unknown) => string | undefined;
  /** Anything goes for the body (metrics, a page of the manual). */
  isText?: boolean;
}

/** Server errors that are no bug: the database is away or busy, its disk is full, there is too much to do. */
const allowed5xx = new Set([503, 507]);

/** What is wrong with an answer. Pure; time is judged apart, since it can be measured again. */
export function judge(answer: Answer, promised: Promised, problemFault: Promised['fault']): string[] {
  const { status, headers, text } = answer;
  const wrong: string[] = [];
  if (status >= 500 && !allowed5xx.has(status)) wrong.push(`${status}`);
  const type = headers['content-type'] ?? '';
  if (status >= 400) {
    if (!type.startsWith('application/problem+json'))
      return [...wrong, `${status} is ${type || 'without a type'}`];
    const problem = parsed(text);
    const fault = problem === undefined ? 'no JSON' : problemFault(status, problem);
    if (fault !== undefined) return [...wrong, `problem of ${status}: ${fault}`];
    const { code, status: reported } = problem as { code: string; status: number };
    const kind = Object.hasOwn(errorTable, code) ? errorTable[code as keyof typeof errorTable] : undefined;
    if (kind === undefined) wrong.push(`code ${code} is not in the table`);
    else if (kind.status !== status || reported !== status) wrong.push(`code ${code} came with ${status}`);
    if ((status === 503 || status === 429 || status === 507) && headers['retry-after'] === undefined)
      wrong.push(`${status} ${code} without Retry-After`);
    return wrong;
  }
  if (!promised.statuses.includes(status)) wrong.push(`${status} is not documented`);
  if (promised.isText === true) return wrong;
  if (status === 204 || status === 304) return text === '' ? wrong : [...wrong, `${status} with a body`];
  const body = parsed(text);
  if (body === undefined) return [...wrong, `${status} is no JSON`];
  const fault = promised.fault(status, body);
  return fault === undefined ? wrong : [...wrong, `body of ${status}: ${fault}`];
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
