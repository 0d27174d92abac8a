import type { MeasuringProcess } from './measuring-process.js';
import type { PeerPython } from './peer-python.js';

/** A peer that starts a new process each time and measures from its start to its first answer, so imports and loading count. */
export function freshPeerProcess(python: PeerPython, script: string, settings: object): MeasuringProcess {
  let facts: MeasuringProcess['facts'] = {};
  return {
    get facts() {
      return facts;
    },
    startSeconds: 0,
    async measure() {
      const started = performance.now();
      const process = await python.start(script, settings);
      try {
        const first = await process.measure();
        facts = process.facts;
        return { ...first, seconds: (performance.now() - started) / 1000, startSeconds: process.startSeconds };
      } finally {
        await process.close();
      }
    },
    close: () => Promise.resolve(),
  };
}
