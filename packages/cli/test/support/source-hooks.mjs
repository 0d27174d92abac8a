import { createHash } from 'node:crypto';
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const cache = join(tmpdir(), 'nlakit-source-cache');

/** A source file imports another one by the name that it is built to. */
export async function resolve(specifier, context, next) {
  if (specifier.startsWith('.') && specifier.endsWith('.js') && context.parentURL?.endsWith('.ts')) {
    return next(specifier, context).catch(() => next(specifier.replace(/\.js$/, '.ts'), context));
  }
  return next(specifier, context);
}

/** A source file without its types. */
export async function load(url, context, next) {
  if (!url.endsWith('.ts') || url.includes('/node_modules/')) return next(url, context);
  const source = await readFile(fileURLToPath(url), 'utf8');
  return { format: 'module', shortCircuit: true, source: await withoutTypes(source) };
}

/** Kept by content, because loading the compiler takes longer than everything else a process does at its start. */
async function withoutTypes(source) {
  const file = join(cache, `${createHash('sha256').update(source).digest('hex')}.mjs`);
  const known = await readFile(file, 'utf8').catch(() => undefined);
  if (known !== undefined) return known;
  const { default: typescript } = await import('typescript');
  const { outputText } = typescript.transpileModule(source, {
    compilerOptions: { module: typescript.ModuleKind.ESNext, target: typescript.ScriptTarget.ES2022, verbatimModuleSyntax: true },
  });
  await mkdir(cache, { recursive: true });
  const temporary = `${file}.${process.pid}.tmp`;
  await writeFile(temporary, outputText);
  await rename(temporary, file);
  return outputText;
}
