import {
  conditionTable,
  describeEventData,
  diagnosisTable,
  errorTable,
  eventTable,
  eventTypes,
  personReasonTable,
  sharedReasonTable,
  type ConditionKind,
  type EventType,
} from '@trunkline/contracts';
import { tablePage, type TableRow } from './table-page.ts';

const others =
  'See also <a href="/docs/errors">error codes</a>, <a href="/docs/conditions">conditions</a>, <a href="/docs/events">events</a> and <a href="/docs/diagnosis">findings of a diagnosis</a>.';

/** Every error code. */
export const errorsPage = (): string =>
  tablePage({
    title: 'Error codes',
    intro: `Every answer that is not 2xx is <code>application/problem+json</code> with one of these codes. <em>Retry</em>: the same request may succeed later without a change by the caller. ${others}`,
    columns: ['code', 'status', 'meaning', 'retry'],
    rows: Object.entries(errorTable).map(([code, { status, title, retryable }]) => ({
      id: code,
      cells: [`\`${code}\``, String(status), title, retryable ? 'yes' : 'no'],
    })),
  });

const takesOver = ({ inherits }: ConditionKind): string => {
  if (inherits === undefined) return '';
  const whose = inherits === 'all' ? 'any other condition' : inherits.map((type) => `\`${type}\``).join(', ');
  return ` It may also have the reasons of ${whose}.`;
};

/** As `Ready` of which resources a reason ends a wait (`?wait`), in words. */
function endsWaits(reason: string): string {
  const of = Object.entries(personReasonTable).flatMap(([name, reasons]: [string, readonly string[]]) =>
    reasons.includes(reason) ? [name] : [],
  );
  return of.length === 0 ? '' : ` Ends \`?wait\` as \`Ready\` of a ${of.join(' or ')}.`;
}

function conditionRows(type: string, kind: ConditionKind): TableRow[] {
  const about = `On: ${kind.on.join(', ')}. Reported by: ${kind.reportedBy.join(', ')}. Good: \`${kind.good}\`.`;
  return [
    { id: type, cells: [`\`${type}\``, '', `${kind.means}${takesOver(kind)}`, about] },
    ...Object.entries(kind.reasons).map(([reason, { means, remedy }]) => ({
      id: `${type}.${reason}`,
      cells: ['', `\`${reason}\``, means, `${remedy}${endsWaits(reason)}`],
    })),
  ];
}

/** Every condition with its reasons. */
export const conditionsPage = (): string =>
  tablePage({
    title: 'Conditions',
    intro: `Hosts, networks, placements and containers have conditions. The first row of each type says what its status <code>True</code> means; the rows below it are its reasons. The <code>message</code> of a condition says what was found this time. Where only a person can change it, <code>?wait</code> is answered at once; such reasons say so. ${others}`,
    columns: ['type', 'reason', 'meaning', 'what to do'],
    rows: [
      ...Object.entries(conditionTable).flatMap(([type, kind]) => conditionRows(type, kind)),
      ...Object.entries(sharedReasonTable).map(([reason, { means, remedy }]) => ({
        id: reason,
        cells: ['any of a placement or container', `\`${reason}\``, means, remedy],
      })),
    ],
  });

/** Every type of event. */
export const eventsPage = (): string =>
  tablePage({
    title: 'Events',
    intro: `<code>GET /v1/events</code> lists what happened, oldest first, or streams it. Every event has one of these types; <em>data</em> has the fields of its <code>data</code>. ${others}`,
    columns: ['type', 'subject', 'meaning', 'data'],
    rows: eventTypes.map((type) => ({
      id: type,
      cells: [`\`${type}\``, eventTable[type].subject, eventTable[type].means, fieldsOf(type)],
    })),
  });

const fieldsOf = (type: EventType): string =>
  describeEventData(type)
    .map(({ name, description, always }) => `\`${name}\`${always ? '' : ' (not always)'}: ${description}`)
    .join(' ');

/** Everything that a diagnosis may find. */
export const diagnosisPage = (): string =>
  tablePage({
    title: 'Findings of a diagnosis',
    intro: `<code>POST /v1/checks</code> with <code>{"kind": "diagnose"}</code> answers a list of findings, in this order: the most likely cause first. Each has the evidence that it rests on. An <em>error</em> keeps what was asked about from working; a <em>warning</em> may be the cause, or becomes one later. ${others}`,
    columns: ['code', 'severity', 'meaning', 'what to do'],
    rows: Object.entries(diagnosisTable).map(([code, { severity, area, means, remedy }]) => ({
      id: code,
      cells: [`\`${code}\``, severity, `${means} Looked for under \`${area}\`.`, remedy],
    })),
  });
