/** A text as one word of a POSIX shell. */
const shellWord = (text: string): string =>
  /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", String.raw`'\''`)}'`;

/** The line that lets a host join. `host`: the only one that may, by its name in the fleet; null: any. Pure. */
export function joinCommand(url: string, secret: string, host: string | null): string {
  const words = ['trunkline-agent', 'join', url, secret, ...(host === null ? [] : ['--name', host])];
  return words.map(shellWord).join(' ');
}
