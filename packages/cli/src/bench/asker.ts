import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { NlaError } from '@nlakit/core';
import type { Measurement } from './measuring-process.js';

/** Another process that asks this one to measure, line by line: the counterpart of `startMeasuringProcess`. */
export interface Asker {
  /** Says that everything is prepared, and waits until it is asked for the first time. */
  ready(): Promise<void>;
  /** Answers with what was measured, and waits until it is asked again or wants no more. */
  answer(measured: Measurement): Promise<void>;
}

/** An asker that writes its lines to `input` and reads ours. Throws `E_INTERRUPTED` if it ends before the last of `runs`. */
export function createAsker(input: Readable, write: (line: string) => void, runs: number): Asker {
  const lines = createInterface({ input })[Symbol.asyncIterator]();
  let answered = 0;
  const asked = async (): Promise<void> => {
    const { done } = await lines.next();
    if (done === true && answered < runs) {
      throw new NlaError('E_INTERRUPTED', { message: 'The process that this one measures for has ended.' });
    }
  };
  return {
    ready() {
      write('{}\n');
      return asked();
    },
    answer(measured) {
      answered += 1;
      write(`${JSON.stringify(measured)}\n`);
      return asked();
    },
  };
}
