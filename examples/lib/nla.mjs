// Runs the command line of this repository as a person would, in the repository root.
import { spawn } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('../..', import.meta.url));

/**
 * Runs `nla <arguments>`; output goes to the terminal, or into the file `log`. Ends this process with the command's exit code if it
 * fails, unless it is not `required`. Returns the exit code.
 */
export async function nla(commandArguments, { log, required = true } = {}) {
  process.stdout.write(`\n$ nla ${commandArguments.join(' ')}${log === undefined ? '' : ` > ${log} &`}\n`);
  const output = log === undefined ? 'inherit' : openSync(join(root, log), 'w');
  const child = spawn(process.execPath, ['packages/cli/dist/bin.js', ...commandArguments], {
    cwd: root,
    stdio: ['ignore', output, output],
  });
  // Ctrl-C reaches the child too; it saves its state and says how to go on, so this process waits for it.
  const wait = () => undefined;
  process.on('SIGINT', wait);
  const code = await new Promise((resolve) => child.on('exit', (status, signal) => resolve(signal === null ? status : 130)));
  process.removeListener('SIGINT', wait);
  if (code === 0 || !required) return code;
  if (log !== undefined) process.stderr.write(`nla ${commandArguments[0]} failed; see ${log}\n`);
  process.exit(code);
}

/** Runs `nla <arguments> --json` and returns what it printed; progress goes to the terminal. */
export async function nlaJson(commandArguments) {
  process.stdout.write(`\n$ nla ${commandArguments.join(' ')} --json\n`);
  // Through a file: the logits of a large vocabulary are more than a pipe's buffer.
  const folder = mkdtempSync(join(tmpdir(), 'nla-json-'));
  const file = join(folder, 'out.json');
  const output = openSync(file, 'w');
  try {
    const child = spawn(process.execPath, ['packages/cli/dist/bin.js', ...commandArguments, '--json'], {
      cwd: root,
      stdio: ['ignore', output, 'inherit'],
    });
    const code = await new Promise((resolve) => child.on('exit', (status, signal) => resolve(signal === null ? status : 130)));
    const text = readFileSync(file, 'utf8');
    if (code !== 0) {
      process.stderr.write(text);
      process.exit(code);
    }
    return JSON.parse(text);
  } finally {
    closeSync(output);
    rmSync(folder, { recursive: true, force: true });
  }
}
