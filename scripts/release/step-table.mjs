// The steps of a rehearsal, with what each found and how long it took.

/** @type {{ step: string, ok: boolean, seconds: number, detail: string }[]} */
export const stepTable = [];

/**
 * Does one thing and puts it into the table. A step that fails ends the rehearsal.
 *
 * @param {string} name
 * @param {() => Promise<string>} work returns what it found
 */
export async function step(name, work) {
  process.stderr.write(`${name} …\n`);
  const started = performance.now();
  const record = (ok, detail) => stepTable.push({ step: name, ok, seconds: (performance.now() - started) / 1000, detail });
  try {
    record(true, await work());
  } catch (error) {
    record(false, error.message.split('\n')[0]);
    throw error;
  }
}

/** The table as aligned text, one line a step. */
export function stepTableText() {
  const width = Math.max(0, ...stepTable.map(({ step }) => step.length));
  return stepTable
    .map(
      ({ step, ok, seconds, detail }) =>
        `${ok ? 'ok    ' : 'FAILED'}  ${step.padEnd(width)}  ${seconds.toFixed(0).padStart(4)} s  ${detail}\n`,
    )
    .join('');
}

/** @param {number} bytes */
export function megabytes(bytes) {
  return `${(bytes / 2 ** 20).toFixed(1)} MiB`;
}
