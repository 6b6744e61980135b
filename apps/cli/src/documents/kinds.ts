/** Kinds that documents may be of, in the order in which they are made: what comes later may need what comes before. */
export const documentKinds = ['host', 'network', 'address', 'container'] as const;
export type DocumentKind = (typeof documentKinds)[number];

export const isDocumentKind = (word: unknown): word is DocumentKind =>
  documentKinds.some((one) => one === word);

/** What the API answers, as a document: with its kind in front where documents may be of that kind. */
export const asDocument = (kindName: string, item: object): object =>
  isDocumentKind(kindName) ? { kind: kindName, ...item } : item;
