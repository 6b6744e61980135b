import { parseDocuments, type WantedDocument } from '../documents/parse-documents.ts';
import { misuse } from '../lib/failure.ts';
import type { Io } from '../lib/io.ts';

/** Reads the documents of a file, or of stdin for `-`; fails where there is none. */
export async function readDocuments(io: Io, file: string): Promise<WantedDocument[]> {
  const name = file === '-' ? 'stdin' : file;
  const documents = parseDocuments(file === '-' ? await io.readStdin() : await io.readFile(file), name);
  if (documents.length === 0) throw misuse(`${name} has no document`);
  return documents;
}
