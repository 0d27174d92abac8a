import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import manifest from '../package.json' with { type: 'json' };

const built = fileURLToPath(new URL('../dist/bin.js', import.meta.url));
const run = promisify(execFile);

/** The command needs its workspace packages built too; `pnpm test` builds them all first. */
const needed = ['core', 'safetensors', 'sidecar', 'lora', 'run'].map((name) =>
  fileURLToPath(new URL(`../../${name}/dist/index.js`, import.meta.url)),
);

describe.skipIf(![built, ...needed].every(existsSync))('the built nla', () => {
  it('starts, prints JSON alone on standard output, and exits with the code of the error', async () => {
    expect((await run(process.execPath, [built, '--version'])).stdout).toBe(`${manifest.version}\n`);
    const failed = (await run(process.execPath, [built, 'inspect', 'safetensors', '/nowhere.safetensors', '--json']).catch(
      (error: unknown) => error,
    )) as { code: number; stdout: string; stderr: string };
    expect(failed.code).toBe(2);
    expect(JSON.parse(failed.stdout)).toMatchObject({ error: { message: expect.any(String) } });
    expect(failed.stderr).toMatch(/^E_/);
  });
});
