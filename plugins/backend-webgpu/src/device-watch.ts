import { NlaError } from '@nlakit/core';

/** Keeps what goes wrong on a device until somebody can be told: WebGPU reports errors beside the call that caused them. */
export interface DeviceWatch {
  /** Throws `E_BACKEND_DEVICE` or, if memory ran out, `E_BACKEND_MEMORY`, if anything went wrong since the device was made. */
  check(): void;
}

/** Watches a device. After an error its tensors may hold anything, so every later check throws as well. */
export function watchDevice(device: GPUDevice): DeviceWatch {
  let first: { readonly code: string; readonly found: string } | undefined;
  let count = 0;
  const note = (code: string, found: string): void => {
    first ??= { code, found };
    count += 1;
  };
  device.addEventListener('uncapturederror', (event) => {
    event.preventDefault();
    const { error } = event;
    note(error.constructor.name === 'GPUOutOfMemoryError' ? 'E_BACKEND_MEMORY' : 'E_BACKEND_DEVICE', error.message.trim());
  });
  void device.lost.then(({ reason, message }) => {
    if (reason !== 'destroyed') note('E_BACKEND_DEVICE', `the device was lost: ${message}`);
  });
  return {
    check() {
      if (first === undefined) return;
      const outOfMemory = first.code === 'E_BACKEND_MEMORY';
      throw new NlaError(outOfMemory ? 'E_BACKEND_MEMORY' : 'E_BACKEND_DEVICE', {
        message: outOfMemory ? 'The GPU is out of memory.' : 'The GPU refused a command, so what was computed since may be wrong.',
        found: count > 1 ? `${first.found} (and ${count - 1} more)` : first.found,
        fix: outOfMemory
          ? 'Shorten the sequences, lower the batch size or let activations be computed again (checkpointActivations), then start anew.'
          : 'Start the command anew. If it comes again, report it with the output of nla doctor.',
      });
    },
  };
}
