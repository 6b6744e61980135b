/** What a run is judged by: what kernels and the API showed, and when. Times are milliseconds since the run began. */

/** An address on a container that lives, as the kernel has it. */
export interface Live {
  readonly host: string;
  /** Docker's id of the container. */
  readonly container: string;
  /** Its network stack and the interfaces in it: another one is another endpoint, also in the same container. */
  readonly sandbox: string;
  readonly ip: string;
}

/** One look at all hosts: each of `live` held its address at the one moment `at`. */
export interface Look {
  readonly kind: 'look';
  readonly at: number;
  readonly live: readonly Live[];
}

/** A row of the product's address book. No row: free. */
export interface Row {
  readonly ip: string;
  readonly state: string;
  readonly host: string | null;
}

/** The address book, as it was at some moment between the question and the answer. */
export interface Book {
  readonly kind: 'book';
  readonly asked: number;
  readonly answered: number;
  readonly rows: readonly Row[];
}

export type Observation = Look | Book;

/** A promise that did not hold. */
export interface Violation {
  readonly kind: ViolationKind;
  readonly at: number;
  readonly ip: string | null;
  readonly hosts: readonly string[];
  readonly containers: readonly string[];
  readonly text: string;
}

export type ViolationKind =
  | 'duplicate'
  | 'outside'
  | 'forbidden'
  | 'fault'
  | 'duplicate MAC'
  | 'freed early'
  | 'given elsewhere'
  | 'leak'
  | 'not in the book'
  | 'wrong address'
  | 'count'
  | 'pool'
  | 'not running'
  | 'unreachable'
  | 'refused'
  | 'hung';
