import { Type, type Static, type TSchema } from 'typebox';

/**
 * One thing that operators set of a resource, as each schema has it. The schemas of requests, of answers and of agents'
 * documents are made from a resource's table of settings, so that a field is added in one place.
 */
export interface Setting {
  /** In the body of POST and PUT. */
  create: TSchema;
  /** In the body of PATCH. */
  patch: TSchema;
  /** In answers. */
  shown: TSchema;
  /** In agents' documents; null: agents have no use for it. */
  document: TSchema | null;
  /** Its value when POST or PUT leaves it out; undefined: it cannot be left out. */
  whenAbsent: unknown;
  /** PATCH merges it, entry by entry (RFC 7396), instead of replacing it. */
  merged: boolean;
}

export type Settings = Readonly<Record<string, Setting>>;

/** A setting that all schemas have alike, agents' documents included. What is absent as null has no default to show. */
export function setting<S extends TSchema>(schema: S, whenAbsent: Static<S>) {
  const created = whenAbsent === null ? schema : { ...schema, default: whenAbsent };
  return {
    create: Type.Optional<S>(created),
    patch: Type.Optional(schema),
    shown: schema,
    document: schema,
    whenAbsent,
    merged: false,
  };
}

type Part<T extends Settings, P extends keyof Setting> = { [K in keyof T]: T[K][P] };
type InDocument<T extends Settings> = {
  [K in keyof T as T[K]['document'] extends TSchema ? K : never]: Extract<T[K]['document'], TSchema>;
};

/** The properties of one schema of a resource. */
export const propertiesFor = <T extends Settings, P extends 'create' | 'patch' | 'shown'>(
  settings: T,
  which: P,
): Part<T, P> =>
  Object.fromEntries(Object.entries(settings).map(([name, one]) => [name, one[which]])) as Part<T, P>;

/** Those that agents are given. */
export const propertiesForAgents = <T extends Settings>(settings: T): InDocument<T> =>
  Object.fromEntries(
    Object.entries(settings).flatMap(([name, { document }]) => (document === null ? [] : [[name, document]])),
  ) as InDocument<T>;

/** Values of all settings of a resource, as answers have them. */
export type SettingValues<T extends Settings> = { [K in keyof T]: Static<T[K]['shown']> };
