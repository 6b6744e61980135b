import { misuse } from '../lib/failure.ts';

/** A server and how to talk to it. */
export interface Context {
  readonly url: string;
  readonly token: string;
  /** PEM certificates to trust besides the machine's own. */
  readonly ca?: string;
}

/** What the file of contexts holds. */
export interface ContextBook {
  /** Name of the context that is used unless another is named; null: none. */
  readonly current: string | null;
  readonly contexts: Readonly<Record<string, Context>>;
}

export const emptyBook: ContextBook = { current: null, contexts: {} };

const nameForm = /^[a-zA-Z0-9[][a-zA-Z0-9_.:[\]-]{0,99}$/;

/** A name that a context may have; fails for another. */
export function checkContextName(name: string): string {
  if (nameForm.test(name)) return name;
  throw misuse(
    `"${name}" is no name of a context: write up to 100 letters, digits, \`_\`, \`.\`, \`:\` or \`-\`, the first a letter or digit`,
  );
}

/** The address of a server as it is stored; fails for what is none. */
export function readServerUrl(text: string): URL {
  const url = URL.parse(text);
  if (url === null || (url.protocol !== 'http:' && url.protocol !== 'https:'))
    throw misuse(`"${text}" is no URL of a server: write https://trunkline.example.net:7400`);
  if (url.username !== '' || url.password !== '')
    throw misuse('leave user and password out of the URL: the token says who you are');
  if (url.search !== '' || url.hash !== '') throw misuse(`leave ${url.search}${url.hash} out of the URL`);
  return url;
}

/** A token as it comes from a file or a pipe; fails for what is none. */
export function readToken(text: string): string {
  const token = text.trim();
  if (token === '') throw misuse('no token came: give it on stdin or with --token-file');
  // RFC 6750 section 2.1, b64token.
  if (!/^[A-Za-z0-9._~+/-]+=*$/.test(token))
    throw misuse('what came is no token: it is one word, such as tl_7hQ2…, and nothing else');
  return token;
}

/** Reads the file's text; fails with a sentence that names `path` for a text that is not one of ours. */
export function parseBook(text: string, path: string): ContextBook {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw misuse(`${path} is not valid JSON: mend it, or remove it and log in again`);
  }
  if (!isBook(value))
    throw misuse(`${path} is not a file of contexts: mend it, or remove it and log in again`);
  return { current: value.current, contexts: { ...value.contexts } };
}

export const bookText = (book: ContextBook): string => `${JSON.stringify(book, null, 2)}\n`;

/** The book with a context added or replaced, and used from now on. */
export function withContext(book: ContextBook, name: string, context: Context): ContextBook {
  return { current: name, contexts: { ...book.contexts, [name]: context } };
}

/** The book with another context used; fails where there is none of that name. */
export function using(book: ContextBook, name: string): ContextBook {
  mustHave(book, name);
  return { ...book, current: name };
}

/** The book without a context; where that was the one in use, none is. */
export function without(book: ContextBook, name: string): ContextBook {
  mustHave(book, name);
  const { [name]: _, ...contexts } = book.contexts;
  return { current: book.current === name ? null : book.current, contexts };
}

/** A context by its name; fails where there is none. */
export function mustHave(book: ContextBook, name: string): Context {
  const context = Object.hasOwn(book.contexts, name) ? book.contexts[name] : undefined;
  if (context !== undefined) return context;
  const names = Object.keys(book.contexts);
  throw misuse(
    `there is no context "${name}": ${names.length === 0 ? '`trunkline login URL` makes one' : `there are ${names.join(', ')}`}`,
  );
}

function isBook(value: unknown): value is ContextBook {
  if (!isObject(value)) return false;
  const { current, contexts } = value;
  return (
    (current === null || typeof current === 'string') &&
    isObject(contexts) &&
    Object.values(contexts).every(
      (one) =>
        isObject(one) &&
        typeof one['url'] === 'string' &&
        typeof one['token'] === 'string' &&
        (one['ca'] === undefined || typeof one['ca'] === 'string'),
    )
  );
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
