import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { NlaError } from '@nlakit/core';

/** Beside the bundled chunk this stands in once built; the second place is where it lies seen from the source. */
const programs = ['./bin.js', '../../dist/bin.js'].map((path) => fileURLToPath(new URL(path, import.meta.url)));

/** The built command line, for measuring fresh processes. Throws `E_BENCH` where there is none. */
export function builtProgram(): string {
  const program = programs.find((path) => existsSync(path));
  if (program !== undefined) return program;
  throw new NlaError('E_BENCH', {
    message: 'Fresh processes can be measured of the built program only.',
    found: 'no bin.js',
    fix: 'Build it first: pnpm build.',
  });
}
