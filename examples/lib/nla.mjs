// Runs the command line of this repository as a person would, in the repository root.
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('../..', import.meta.url));

/** Runs `nla <arguments>`; output goes to the terminal. Ends this process with the command's exit code if it fails. */
export async function nla(...commandArguments) {
  process.stdout.write(`\n$ nla ${commandArguments.join(' ')}\n`);
  const child = spawn(process.execPath, ['packages/cli/dist/bin.js', ...commandArguments], { cwd: root, stdio: 'inherit' });
  // Ctrl-C reaches the child too; it saves its state and says how to go on, so this process waits for it.
  process.on('SIGINT', () => undefined);
  const code = await new Promise((resolve) => child.on('exit', (status, signal) => resolve(signal === null ? status : 130)));
  process.removeAllListeners('SIGINT');
  if (code !== 0) process.exit(code);
}
