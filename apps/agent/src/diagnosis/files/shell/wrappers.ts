/** Programs that run the one after them, and those of their options that take a value. */
const wrappers: Readonly<Record<string, RegExp>> = {
  sudo: /^-[ugCp]$/,
  exec: /^-a$/,
  nohup: /^$/,
  setsid: /^$/,
  command: /^$/,
  busybox: /^$/,
  env: /^-[uC]$/,
  nice: /^-n$/,
  ionice: /^-[cn]$/,
  timeout: /^-[ks]$/,
  'systemd-run': /^$/,
};

/** `sudo -n ip link …` runs `ip link …`. */
export function withoutWrappers(words: readonly string[]): readonly string[] {
  let rest = words;
  for (;;) {
    const name = (rest[0] ?? '').replace(/^.*\//, '');
    const takesValue = Object.hasOwn(wrappers, name) ? wrappers[name] : undefined;
    if (takesValue === undefined) return rest;
    rest = rest.slice(1);
    // Variables before the program are those of env(1).
    for (let next = rest[0]; next !== undefined && /^-|^\w+=/.test(next); next = rest[0])
      rest = rest.slice(takesValue.test(next) ? 2 : 1);
    if (name === 'timeout') rest = rest.slice(1);
  }
}
