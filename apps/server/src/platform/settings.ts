import type { Settings, SettingValues } from '@trunkline/contracts';
import { mergeMap } from './merge-patch.ts';

/** All settings of a resource as a whole request (POST, PUT) has them: what it leaves out takes its default. */
export function wholeValues<S extends Settings>(
  settings: S,
  input: { readonly [K in keyof S]?: unknown },
): SettingValues<S> {
  const values = Object.entries(settings).map(([name, { whenAbsent }]) => [name, input[name] ?? whenAbsent]);
  return Object.fromEntries(values) as SettingValues<S>;
}

/** The settings after a merge patch (RFC 7396): absent keeps, null clears, maps are merged, lists are replaced whole. */
export function patchedValues<S extends Settings, V extends { readonly [K in keyof S]: unknown }>(
  settings: S,
  current: V,
  patch: { readonly [K in keyof S]?: unknown },
): V {
  const values = Object.entries(settings).map(([name, { merged }]) => {
    const change = patch[name];
    if (merged) return [name, mergeMap(current[name] as never, change as never)];
    return [name, change === undefined ? current[name] : change];
  });
  return Object.fromEntries(values) as V;
}
