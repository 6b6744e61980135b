/** `kernel/fs/9p/9p.ko.xz` is called `9p`; dashes and underscores are the same to the kernel. */
function moduleName(file: string): string {
  const name = file.slice(file.lastIndexOf('/') + 1).replace(/\.ko(\.\w+)?$/, '');
  return name.replaceAll('-', '_');
}

/**
 * The files to insert, in order, so that every one of `wanted` can be used. `modulesDep` is the text of the
 * kernel's modules.dep, modules.dep(5): a file, a colon, and all that it needs, the deepest last. A module that
 * has no line there is built in or not in this kernel: `builtin` (text of modules.builtin) lists the former; throws for the
 * latter. Pure.
 */
export function moduleOrder(
  modulesDep: string,
  builtin: string,
  wanted: readonly string[],
): readonly string[] {
  const lines = new Map<string, readonly string[]>();
  for (const line of modulesDep.split('\n')) {
    const [file, needs = ''] = line.split(':');
    if (file === undefined || file === '') continue;
    lines.set(moduleName(file), [file, ...needs.split(' ').filter((need) => need !== '')]);
  }
  const inKernel = new Set(
    builtin
      .split('\n')
      .filter((line) => line !== '')
      .map(moduleName),
  );
  const order = wanted.flatMap((name) => {
    const files = lines.get(name);
    if (files !== undefined) return files.toReversed();
    if (inKernel.has(name)) return [];
    throw new Error(`this kernel has no module ${name}: the VM needs the distribution's full kernel`);
  });
  return [...new Set(order)];
}
