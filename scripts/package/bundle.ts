import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { builtinModules } from 'node:module';
import path from 'node:path';
import { rolldown, type OutputChunk, type Plugin } from 'rolldown';

/** What is bundled. */
export interface Bundle {
  /** The root of the repository. */
  readonly root: string;
  /** Each program: its name in the bundle, and its file, relative to the root. */
  readonly programs: Readonly<Record<string, string>>;
  /** Version that the programs say they have. */
  readonly version: string;
  /** Modules of dependencies that are never run, as `<package>/<file>`: each becomes an object without anything. */
  readonly leftOut?: readonly string[];
  /** What stands for a dependency: its name, and a file, relative to the root. */
  readonly inPlaceOf?: Readonly<Record<string, string>>;
  /** A dependency reads files beside itself: it looks for them from the folder of the program. */
  readonly readsBesideItself?: boolean;
  readonly outDir: string;
}

/** A dependency whose code is in a bundle. */
export interface BundledPackage {
  readonly name: string;
  readonly version: string;
  readonly license: string;
  /** Text of its licence; null where it brings none. */
  readonly text: string | null;
}

/**
 * Makes one JavaScript file of each program, `<name>.mjs` in `outDir`, that needs nothing but Node. Answers the dependencies
 * whose code is in them, by name. The same input gives the same bytes.
 *
 * The files are ASCII, since V8 keeps a text with any other character at two bytes each, and take Node's own modules with
 * `process.getBuiltinModule`: an `import` of `node:http` reads all that it exports, and loads a whole HTTP client for it.
 */
export async function bundle({ outDir, ...what }: Bundle): Promise<readonly BundledPackage[]> {
  await mkdir(outDir, { recursive: true });
  const files = new Set<string>();
  for (const [name, entry] of Object.entries(what.programs)) {
    const chunk = await bundleOne(what, path.join(what.root, entry));
    for (const file of chunk.moduleIds) files.add(file);
    await writeFile(path.join(outDir, `${name}.mjs`), asAscii(chunk.code));
  }
  return await packagesOf([...files]);
}

async function bundleOne(what: Omit<Bundle, 'outDir'>, entry: string): Promise<OutputChunk> {
  const build = await rolldown({
    input: entry,
    cwd: what.root,
    platform: 'node',
    plugins: [
      versioned(what),
      partsLeftOut(what),
      siblings(what),
      { name: 'imports', renderChunk: withoutImports },
    ],
    // Addons are left out: those that dependencies bring are optional, and are for one processor.
    moduleTypes: { '.node': 'empty' },
    external: ['cpu-features'],
    onLog: (level, log) => {
      // EVAL and the like of dependencies are theirs; what cannot be resolved would fail on a host.
      if (log.code === 'UNRESOLVED_IMPORT' || (level === 'warn' && log.code === 'MISSING_EXPORT'))
        throw new Error(log.message);
    },
  });
  const { output } = await build.generate({
    format: 'esm',
    ...(what.readsBesideItself === true ? { banner: 'const __dirname = import.meta.dirname;' } : {}),
    comments: false,
    codeSplitting: false,
    // Names stay, so that a stack can be read.
    minify: { mangle: false, compress: true, codegen: { removeWhitespace: true } },
  });
  await build.close();
  const [chunk, ...others] = output;
  if (others.length > 0) throw new Error(`${entry}: more than one file came of it`);
  return chunk;
}

/** Every program has the version that was asked for. */
function versioned({ root, version }: Pick<Bundle, 'root' | 'version'>): Plugin {
  return {
    name: 'version',
    load: (id) =>
      path.dirname(path.dirname(id)) === path.join(root, 'apps') && path.basename(id) === 'package.json'
        ? { code: `export default ${JSON.stringify({ version })}`, moduleType: 'js' }
        : null,
  };
}

const nothing = '\0nothing';

function partsLeftOut({ root, leftOut = [], inPlaceOf = {} }: Omit<Bundle, 'outDir'>): Plugin {
  const modules = path.join(root, 'node_modules');
  const files = new Set(leftOut.map((one) => path.join(modules, one)));
  return {
    name: 'parts left out',
    resolveId: (id, from) => {
      const other = inPlaceOf[id];
      if (other !== undefined) return path.join(root, other);
      if (from === undefined || !id.startsWith('.')) return null;
      const file = path.resolve(path.dirname(from), id);
      return files.has(file) || files.has(`${file}.js`) ? nothing : null;
    },
    load: (id) => (id === nothing ? { code: 'module.exports = {};', moduleType: 'js' } : null),
  };
}

/** A program that another one runs lies beside it. */
function siblings({ root, programs }: Omit<Bundle, 'outDir'>): Plugin {
  const names = new Map(Object.entries(programs).map(([name, file]) => [path.join(root, file), name]));
  return {
    name: 'siblings',
    transform: (code, id) => {
      if (!code.includes('import.meta.url') || id.includes('node_modules')) return null;
      return code.replaceAll(/new URL\('([^']+\.ts)', import\.meta\.url\)/g, (_, file: string) => {
        const name = names.get(path.resolve(path.dirname(id), file));
        if (name === undefined) throw new Error(`${id} runs ${file}, which is no program of the bundle`);
        return `new URL('${name}.mjs', import.meta.url)`;
      });
    },
  };
}

/** Takes Node's modules without import statements; fails where another one is left. Pure. */
export function withoutImports(code: string): string {
  const builtins = new Set(builtinModules.flatMap((one) => [one, `node:${one}`]));
  const changed = code.replaceAll(
    /^import ([\w$*{][^"'();]*?) from "([^"]+)";$/gm,
    (statement, names: string, from: string) => {
      if (!builtins.has(from)) throw new Error(`${from} is imported, which is no module of Node's`);
      const module = `process.getBuiltinModule(${JSON.stringify(from)})`;
      return bindings(names.trim(), statement)
        .map((binding) => `const ${binding} = ${module};`)
        .join(' ');
    },
  );
  const left = /^import .*$/m.exec(changed)?.[0];
  if (left !== undefined) throw new Error(`not understood: ${left}`);
  return changed;
}

/** The left sides of the constants that stand for what an import statement names. */
function bindings(names: string, statement: string): string[] {
  const [, first, rest] = /^(?:([\w$]+)(?:, ?|$))?(.*)$/s.exec(names) ?? [];
  const others = rest?.trim() ?? '';
  const space = /^\* as ([\w$]+)$/.exec(others)?.[1];
  const listed = /^\{[^}]*\}$/.test(others) ? others.replaceAll(/([\w$]+) as ([\w$]+)/g, '$1:$2') : undefined;
  if (others !== '' && space === undefined && listed === undefined)
    throw new Error(`not understood: ${statement}`);
  return [first, space, listed].filter((one) => one !== undefined);
}

/** The same program in ASCII. Pure. */
export function asAscii(code: string): string {
  // Strings, templates and regular expressions take the escape; names of others are not written so.
  return code.replaceAll(/[^\0-\u007f]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

/** The packages that files lie in, by name. */
async function packagesOf(files: readonly string[]): Promise<readonly BundledPackage[]> {
  const folders = new Set(
    files.flatMap((file) => /^.*\/node_modules\/(?:@[^/]+\/)?[^/]+(?=\/)/.exec(file)?.[0] ?? []),
  );
  const found = await Promise.all([...folders].map(describe));
  return found.sort((a, b) => (a.name < b.name || (a.name === b.name && a.version < b.version) ? -1 : 1));
}

async function describe(folder: string): Promise<BundledPackage> {
  const text = await readFile(path.join(folder, 'package.json'), 'utf8');
  const { name, version, license } = JSON.parse(text) as Record<string, unknown>;
  return {
    name: String(name),
    version: String(version),
    license: typeof license === 'string' ? license : 'see its text',
    text: await licenceIn(folder),
  };
}

async function licenceIn(folder: string): Promise<string | null> {
  for (const name of ['LICENSE', 'LICENSE.md', 'LICENSE.txt', 'license', 'LICENCE', 'LICENSE-MIT']) {
    const text = await readFile(path.join(folder, name), 'utf8').catch(() => null);
    if (text !== null) return text.trim();
  }
  return null;
}
