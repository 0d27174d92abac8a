import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { Converter } from 'typedoc';

const repository = fileURLToPath(new URL('../../', import.meta.url));

/** Source file of each entry of each published package, to the specifier it is imported by: `@nlakit/nla/training`. */
const entries = new Map(
  ['packages', 'plugins'].flatMap((room) =>
    readdirSync(path.join(repository, room)).flatMap((folder) => {
      const manifest = manifestOf(path.join(repository, room, folder, 'package.json'));
      if (manifest === undefined || manifest.private === true) return [];
      return Object.entries(manifest.exports ?? {}).flatMap(([subpath, target]) => {
        const source = target['@nlakit/source'];
        return source?.endsWith('.ts') ? [[path.join(repository, room, folder, source), path.posix.join(manifest.name, subpath)]] : [];
      });
    }),
  ),
);

function manifestOf(file) {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch {
    return undefined;
  }
}

/** Typedoc names an entry point by its path; this names it by what it is imported by. */
function nameModules(app) {
  app.converter.on(Converter.EVENT_RESOLVE_BEGIN, (context) => {
    for (const module of context.project.children ?? []) {
      const file = context.getSymbolFromReflection(module)?.declarations?.[0]?.getSourceFile().fileName;
      module.name = entries.get(path.normalize(file ?? '')) ?? module.name;
    }
  });
}

/** @type {Partial<import('typedoc').TypeDocOptions & import('typedoc-plugin-markdown').PluginOptions>} */
const config = {
  name: 'API',
  entryPointStrategy: 'resolve',
  entryPoints: [...entries.keys()],
  tsconfig: '../../tsconfig.json',
  skipErrorChecking: true,
  excludeInternal: true,
  excludeExternals: true,
  externalPattern: ['**/node_modules/**'],
  plugin: ['typedoc-plugin-markdown', nameModules],
  out: '../reference/api',
  readme: 'none',
  router: 'module',
  flattenOutputFiles: true,
  entryFileName: 'index',
  hidePageHeader: true,
  hideBreadcrumbs: true,
  disableSources: true,
  disableGit: true,
  useCodeBlocks: true,
  parametersFormat: 'table',
  sanitizeComments: true,
  validation: { notExported: false, invalidLink: false },
  logLevel: 'Warn',
};

export default config;
