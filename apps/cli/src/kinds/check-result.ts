import type {
  AddressesResult,
  Check,
  ConnectivityResult,
  DiagnosisResult,
  MatrixResult,
  WireResult,
} from '@trunkline/contracts';
import type { Paint } from '../format/paint.ts';
import { plain } from '../format/plain.ts';
import { orDash, tableLines } from '../format/table.ts';

/** What a check found, as lines for people; `isWide`: also what is in order. */
export function checkLines({ result }: Pick<Check, 'result'>, paint: Paint, isWide: boolean): string[] {
  if (result === null) return [];
  if ('byAddress' in result) return connectivityLines(result, paint);
  if ('directions' in result) return matrixLines(result, paint, isWide);
  if ('gateways' in result) return wireLines(result, paint, isWide);
  if ('diagnosis' in result) return diagnosisLines(result, paint, isWide);
  return addressesLines(result, paint);
}

function connectivityLines({ message, byAddress, byName }: ConnectivityResult, paint: Paint): string[] {
  const rows = byAddress.map(({ address, sent, received, rttMs, mac, error }) => [
    address,
    `${received}/${sent}`,
    rttMs === null ? '-' : `${rttMs.avg} ms`,
    orDash(mac),
    error ?? '',
  ]);
  return [
    plain(message),
    ...tableLines(['ADDRESS', 'ANSWERED', 'TIME', 'MAC', ''], rows, paint),
    plain(byName.message),
  ];
}

function matrixLines(
  { message, directions, sampled }: MatrixResult,
  paint: Paint,
  isWide: boolean,
): string[] {
  const shown = directions.filter(({ verdict }) => isWide || (verdict !== 'ok' && verdict !== 'known-limit'));
  const rows = shown.map(({ from, to, verdict, message: why }) => [
    from.container ?? from.host,
    to.container ?? to.gateway ?? to.host ?? '-',
    orDash(to.address),
    { text: verdict, tone: verdict === 'ok' ? ('good' as const) : ('bad' as const) },
    why,
  ]);
  return [
    plain(message),
    ...(sampled ? ['not every pair was tried'] : []),
    ...(rows.length === 0 ? [] : tableLines(['FROM', 'TO', 'ADDRESS', 'VERDICT', 'MESSAGE'], rows, paint)),
  ];
}

function wireLines({ message, verdicts, pairs }: WireResult, paint: Paint, isWide: boolean): string[] {
  const rows = pairs.map(({ from, to, heard, pings }) => [
    from,
    to,
    heard === null ? '-' : heard ? 'yes' : 'no',
    pings.map(({ sent, received }) => `${received}/${sent}`).join(', '),
  ]);
  return [
    plain(message),
    ...verdicts.flatMap((one) => found(paint, 'error', [one.code, ...one.hosts], one)),
    ...(isWide && rows.length > 0 ? tableLines(['FROM', 'TO', 'HEARD', 'ANSWERED'], rows, paint) : []),
  ];
}

function diagnosisLines(
  { message, findings, looked }: DiagnosisResult,
  paint: Paint,
  isWide: boolean,
): string[] {
  const rows = looked.map(({ host, area, outcome, detail }) => [orDash(host), area, outcome, detail]);
  return [
    plain(message),
    ...findings.flatMap((one) => found(paint, one.severity, [one.code, one.host ?? '', one.subject], one)),
    ...(isWide ? tableLines(['HOST', 'AREA', 'OUTCOME', 'DETAIL'], rows, paint) : []),
  ];
}

function addressesLines(
  { message, findings, silentHosts, truncated }: AddressesResult,
  paint: Paint,
): string[] {
  return [
    plain(message),
    ...findings.flatMap((one) => found(paint, 'error', [one.kind, one.network, one.ip], one)),
    ...(truncated ? ['there are more'] : []),
    ...silentHosts.map(({ host }) => `${plain(host)} is silent: what it last saw may be old`),
  ];
}

/** One thing that is wrong: what, in words, on what it rests, and what to do. */
function found(
  paint: Paint,
  severity: 'error' | 'warning',
  words: readonly string[],
  { message, remedy, evidence = [] }: { message: string; remedy: string; evidence?: readonly string[] },
): string[] {
  const title = [severity, ...words]
    .filter((word) => word !== '')
    .map(plain)
    .join('  ');
  return [
    paint(severity === 'error' ? 'bad' : 'doubt', title),
    `  ${plain(message)}`,
    ...evidence.map((one) => `  ${paint('faint', plain(one))}`),
    ...(remedy === '' ? [] : [`  do: ${plain(remedy)}`]),
  ];
}
