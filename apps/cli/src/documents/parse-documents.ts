import { LineCounter, parseAllDocuments } from 'yaml';
import { misuse } from '../lib/failure.ts';
import { documentKinds, isDocumentKind, type DocumentKind } from './kinds.ts';

/** A resource as somebody wants it: its kind, and the fields of the API. */
export interface WantedDocument {
  readonly kind: DocumentKind;
  readonly fields: Readonly<Record<string, unknown>>;
  /** Where it was read: `fleet.yaml:12`. */
  readonly where: string;
}

/**
 * Reads documents from YAML 1.2, of which JSON is a part: one for each document, or for each item of one that is a list. Fails with the
 * file and the line of the first mistake.
 */
export function parseDocuments(text: string, file: string): WantedDocument[] {
  const counter = new LineCounter();
  const documents = parseAllDocuments(text, { lineCounter: counter, prettyErrors: false });
  const lineAt = (offset: number): string => `${file}:${Math.max(1, counter.linePos(offset).line)}`;
  // Without a document the parser answers an empty list with properties of its own.
  return [...documents].flatMap((document) => {
    const [mistake] = [...document.errors, ...document.warnings];
    if (mistake !== undefined) throw misuse(`${lineAt(mistake.pos[0])}: ${mistake.message}`);
    const where = lineAt(document.contents?.range?.[0] ?? 0);
    const value = readValue(() => document.toJS() as unknown, where);
    if (value === null || value === undefined) return [];
    return (Array.isArray(value) ? (value as unknown[]) : [value]).map((one) => readDocument(one, where));
  });
}

/** Aliases that grow without end are refused by the library while it reads the value. */
function readValue(read: () => unknown, where: string): unknown {
  try {
    return read();
  } catch (error) {
    throw misuse(`${where}: ${error instanceof Error ? error.message : String(error)}`);
  }
}

function readDocument(value: unknown, where: string): WantedDocument {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw misuse(`${where}: a document has \`kind\` and the fields of the API, such as \`kind: network\``);
  const { kind, ...fields } = value as Readonly<Record<string, unknown>>;
  if (isDocumentKind(kind)) return { kind, fields, where };
  const known = documentKinds.join(', ');
  throw misuse(
    kind === undefined
      ? `${where}: \`kind\` is missing: it is one of ${known}`
      : `${where}: \`kind: ${JSON.stringify(kind).replaceAll('"', '')}\` cannot be written: it is one of ${known}`,
  );
}

/** A field that has to be a text. */
export function textField({ kind, fields, where }: WantedDocument, name: string): string {
  const value = fields[name];
  if (typeof value === 'string' && value !== '') return value;
  throw misuse(
    value === undefined
      ? `${where}: \`${name}\` is missing: a document of kind ${kind} needs it`
      : `${where}: \`${name}\` has to be a text: put it in quotes`,
  );
}
