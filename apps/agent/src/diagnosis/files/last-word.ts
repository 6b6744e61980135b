import { harmOfSetting, settingKey, settingSubject } from './kernel-settings.ts';
import { effectsOf, mayHaveEffects, type Effect, type LinkChange } from './shell/effects.ts';
import { commandsOf, type Call } from './shell/run.ts';
import {
  does,
  isMtuWrong,
  undoing,
  type Place,
  type Undoing,
  type Wanted,
  type WantedLink,
} from './undoing.ts';

/** A script that runs at boot; `at`: its text is one line of another file. */
export interface Step extends Call {
  readonly at?: Place;
}

/** Where scripts that others call have their text. */
export type Scripts = ReadonlyMap<string, string>;

interface Done {
  readonly effect: Effect;
  readonly place: Place;
}

/** What scripts that run one after the other undo: the last word on an interface, a setting or a module counts. */
export function undoneBySteps(steps: readonly Step[], wanted: Wanted, scripts: Scripts): readonly Undoing[] {
  return wanted.links.flatMap((link) => {
    const done = steps.flatMap((step) => doneBy(step, link.name, scripts));
    return [...ofLinks(done, link), ...ofSettings(done, wanted), ...ofModules(done, wanted)];
  });
}

/** Each line once, whichever of several calls found it. */
export const distinct = (found: readonly Undoing[]): readonly Undoing[] => [
  ...new Map(
    found.map((one) => [[one.path, one.line, one.subject, one.does].join('\n'), one] as const),
  ).values(),
];

function doneBy(step: Step, name: string, scripts: Scripts): readonly Done[] {
  const calls = [...scripts.keys()].some((path) => step.text.includes(path));
  if (!calls && !mayHaveEffects(step.text)) return [];
  return commandsOf(step, { name, scripts }).flatMap((command) => {
    const { path, line } = command;
    const text = path === step.path ? step.text : (scripts.get(path) ?? '');
    const own = { path, line, text: (text.split('\n')[line - 1] ?? '').trim() };
    const place = step.at !== undefined && path === step.path ? step.at : own;
    return effectsOf(command).map((effect) => ({ effect, place }));
  });
}

/** What one change says about: of two about the same, the later one counts. */
const aspects: Readonly<Record<LinkChange['kind'], string>> = {
  promiscuous: 'promiscuous',
  up: 'up',
  mtu: 'mtu',
  master: 'master',
  name: 'there',
  namespace: 'there',
  deleted: 'there',
  vlan: 'there',
};

function ofLinks(done: readonly Done[], link: WantedLink): readonly Undoing[] {
  const last = new Map<string, { readonly change: LinkChange; readonly place: Place }>();
  for (const { effect, place } of done) {
    if (effect.of !== 'link') continue;
    const { name, change } = effect;
    // Named back.
    const isBack = change.kind === 'name' && change.name === link.name;
    if (name === link.name || isBack) last.set(aspects[change.kind], { change, place });
  }
  const harms = [...last.entries()].flatMap(([aspect, { change, place }]) => {
    const what = harmOf(change, link);
    return what === null ? [] : [{ aspect, found: undoing(place, link, what) }];
  });
  // Of what is gone, nothing else matters.
  const gone = harms.filter(({ aspect }) => aspect === 'there');
  return (gone.length > 0 ? gone : harms).map(({ found }) => found);
}

function harmOf(change: LinkChange, link: WantedLink): string | null {
  switch (change.kind) {
    case 'promiscuous':
      return link.promiscuous && !change.on ? does.lacksPromiscuity : null;
    case 'up':
      return change.on ? null : does.isSetDown;
    case 'mtu':
      return isMtuWrong(link, change.bytes) ? does.hasMtu(change.bytes) : null;
    case 'master':
      return change.name === null || change.name === link.master ? null : does.joins(change.name);
    case 'name':
      return change.name === link.name ? null : does.isNamed(change.name);
    case 'namespace':
      return does.leaves;
    case 'deleted':
      return does.isRemoved;
    case 'vlan':
      return harmOfVlan(change, link);
    default:
      return null;
  }
}

function harmOfVlan(
  { id, parent }: Extract<LinkChange, { kind: 'vlan' }>,
  { vlan }: WantedLink,
): string | null {
  if (vlan === null) return null;
  if (Number(id) !== vlan.id) return does.hasVlan(id);
  return parent === null || parent === vlan.parent ? null : does.standsOn(parent);
}

function ofSettings(done: readonly Done[], wanted: Wanted): readonly Undoing[] {
  const last = new Map<string, Done & { readonly value: string }>();
  for (const one of done)
    if (one.effect.of === 'setting')
      last.set(settingKey(one.effect.key), { ...one, value: one.effect.value });
  return [...last].flatMap(([key, { place, value }]): Undoing[] => {
    const what = harmOfSetting(key, value, wanted);
    return what === null ? [] : [{ ...place, subject: settingSubject(key), does: what }];
  });
}

function ofModules(done: readonly Done[], { modules }: Wanted): readonly Undoing[] {
  return modules.flatMap((name): Undoing[] => {
    const last = done.findLast(({ effect }) => effect.of === 'module' && isSame(effect.name, name));
    return last?.effect.of === 'module' && !last.effect.loaded
      ? [{ ...last.place, subject: `module ${name}`, does: 'not be loaded' }]
      : [];
  });
}

const isSame = (name: string, module: string): boolean => name.replaceAll('-', '_') === module;
