import { cp, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { describe, expect, it, onTestFinished } from 'vitest';
import { ensureGenerated } from '../../scripts/generate.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));

function schemaWith(model: string): string {
  return `generator client {
  provider               = "prisma-client"
  output                 = "./generated"
  runtime                = "nodejs"
  moduleFormat           = "esm"
  generatedFileExtension = "ts"
  importFileExtension    = "ts"
}
datasource db {
  provider = "postgresql"
}
model ${model} {
  id Int @id
}
`;
}

/** A schema of its own, inside the repository so that the generated code finds Prisma's runtime. */
async function toySchema(model: string): Promise<string> {
  await mkdir(join(root, '.cache'), { recursive: true });
  const folder = await mkdtemp(join(root, '.cache', 'toy-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const schema = join(folder, 'schema.prisma');
  await writeFile(schema, schemaWith(model));
  return schema;
}

describe('generating the Prisma client', () => {
  it('is done when it is missing or the schema changed, and only then', async () => {
    const schema = await toySchema('Cat');
    const client = join(schema, '..', 'generated', 'client.ts');
    expect(await ensureGenerated({ root, schema })).toBe(true);
    expect(await readFile(client, 'utf8')).toContain('Cat');
    const { mtimeMs } = await stat(client);
    expect(await ensureGenerated({ root, schema })).toBe(false);
    expect((await stat(client)).mtimeMs).toBe(mtimeMs);
    await writeFile(schema, schemaWith('Dog'));
    expect(await ensureGenerated({ root, schema })).toBe(true);
    expect(await readFile(client, 'utf8')).toContain('Dog');
    expect(await import(pathToFileURL(client).href)).toHaveProperty('PrismaClient');
  });

  it('may be done by two at once', async () => {
    const schema = await toySchema('Cat');
    await Promise.all([ensureGenerated({ root, schema }), ensureGenerated({ root, schema })]);
    expect(await readFile(join(schema, '..', 'generated', 'client.ts'), 'utf8')).toContain('Cat');
    expect(await ensureGenerated({ root, schema })).toBe(false);
  });

  it('fails with what Prisma said, and keeps the client that is there', async () => {
    const schema = await toySchema('Cat');
    await ensureGenerated({ root, schema });
    const generated = join(schema, '..', 'generated');
    const before = join(schema, '..', 'before');
    await cp(generated, before, { recursive: true });
    await writeFile(schema, schemaWith('Dog').replace('Int @id', 'Nonsense'));
    await expect(ensureGenerated({ root, schema })).rejects.toThrow('Nonsense');
    expect(await readdir(generated)).toEqual(await readdir(before));
  });
});
