import { loadDawn } from '../load-dawn.js';
import { optionsSchema } from '../options.js';
import { requestDevice } from '../request-device.js';

/** Why no test of this package can run here, in a line; `undefined` if there is an adapter, be it one that computes on the CPU. */
export const noAdapterReason: string | undefined = await reasonAgainst();

/** A title that says why it is skipped. */
export function titled(title: string): string {
  return noAdapterReason === undefined ? title : `${title} (skipped: ${noAdapterReason})`;
}

async function reasonAgainst(): Promise<string | undefined> {
  try {
    const { gpu } = await loadDawn();
    const { device } = await requestDevice(gpu, optionsSchema.parse({ allowSoftware: true }));
    device.destroy();
    return undefined;
  } catch (error) {
    const found = (error as { details?: { found?: string } }).details?.found;
    return found ?? (error instanceof Error ? error.message : String(error));
  }
}
