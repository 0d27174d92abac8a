#!/usr/bin/env node
import { processIo } from './io.js';
import { runCli } from './program.js';
import { useProxy } from './use-proxy.js';

const controller = new AbortController();
const stop = (): void => {
  if (controller.signal.aborted) process.exit(130);
  controller.abort();
  process.stderr.write('\nStopping after this step; the state will be saved. Once more to stop at once.\n');
};
process.on('SIGINT', stop);
process.on('SIGTERM', stop);

// Whoever reads the output may have enough of it: `nla … | head` is no failure.
for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(0);
    throw error;
  });
}

await useProxy(process.env);
process.exitCode = await runCli(process.argv.slice(2), processIo(controller.signal));
// Worker threads of an engine would keep the process alive; what was printed has been handed to the system by now or is awaited here.
await Promise.all(
  [process.stdout, process.stderr].map(
    (stream) =>
      new Promise<void>(
        (done) =>
          void stream.write('', () => {
            done();
          }),
      ),
  ),
);
process.exit();
