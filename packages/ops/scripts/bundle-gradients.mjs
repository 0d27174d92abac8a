// Bundles the gradient functions of tfjs-core into src/generated/tfjs-gradients.mjs.
// tfjs-core's CommonJS entry, the only one Node resolves, registers no gradients, and the ES modules that do
// cannot be imported by Node one by one (no file extensions). tfjs keeps its engine and registries on the global
// object, so the bundled functions serve the engine that everybody else imports.
import { build } from 'esbuild';
import { writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

const here = new URL('..', import.meta.url).pathname;
const core = dirname(createRequire(join(here, 'package.json')).resolve('@tensorflow/tfjs-core/package.json'));

await build({
  entryPoints: [join(core, 'dist/register_all_gradients.js')],
  bundle: true,
  format: 'esm',
  platform: 'node',
  target: 'node20',
  minifySyntax: true,
  treeShaking: true,
  outfile: join(here, 'src/generated/tfjs-gradients.mjs'),
  banner: { js: "import { createRequire } from 'node:module';\nconst require = createRequire(import.meta.url);" },
  logLevel: 'error',
});

// Without it the declaration build would take the bundle's own variables for types.
await writeFile(join(here, 'src/generated/tfjs-gradients.d.mts'), 'export {};\n');
