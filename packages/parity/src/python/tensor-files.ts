import { createHash } from 'node:crypto';
import { NlaError } from '@nlakit/core';
import { bitsOf, dtypes, openSafetensors, parseHeader, writeSafetensors, type TensorEntry } from '@nlakit/safetensors';
import type { Comparison } from '../comparison.js';
import { readGolden } from '../fixtures.js';
import type { Lab } from './lab.js';

interface Contents {
  readonly tensors: Readonly<Record<string, { readonly dtype: string; readonly shape: readonly number[]; readonly sha256: string }>>;
  readonly metadata: Readonly<Record<string, string>> | null;
}
interface Outcome {
  readonly files: Readonly<Record<string, Contents>>;
  readonly cases: Readonly<Record<string, string>>;
}

/** Files that the library takes and this reader refuses, because readers disagree about them or numbers would lose digits. */
const stricter: ReadonlySet<string> = new Set(['dup tensor key', 'dup in metadata', 'zero first then overflow']);

/** Files written here in the reference library, and damaged files in both. */
export function tensorFileComparisons(lab: Lab): Comparison[] {
  const common = { group: 'python: safetensors', reference: `safetensors ${lab.python.versions['safetensors']}`, place: 'host' } as const;
  const golden = readGolden<Record<string, { readonly hex: string; readonly result_safetensors_0_8_0: string }>>(
    'safetensors',
    'safetensors-cases.json',
  );
  const file = (): string => lab.place('written.safetensors');
  const outcome = (): Promise<Outcome> =>
    lab.once('safetensors', async () => {
      await writeSafetensors(file(), entries(), metadata);
      const cases = Object.fromEntries(Object.entries(golden).map(([name, { hex }]) => [name, hex]));
      return lab.python.run<Outcome>('tensor_files.py', { files: { written: file() }, cases });
    });
  return [
    {
      ...common,
      comparison: 'a file written here with every dtype, empty and scalar tensors and unusual names, read there',
      quantity: 'tensors or metadata entries that differ',
      tolerance: 0,
      async run() {
        const read = (await outcome()).files['written'];
        const wrong: string[] = [];
        for (const [name, { dtype, shape, data }] of entries()) {
          const found = read?.tensors[name];
          const sha256 = createHash('sha256').update(data).digest('hex');
          if (found === undefined || found.dtype !== dtype || found.sha256 !== sha256 || found.shape.join() !== shape.join())
            wrong.push(name);
        }
        for (const [name, text] of Object.entries(metadata)) if (read?.metadata?.[name] !== text) wrong.push(name);
        const surplus = Object.keys(read?.tensors ?? {}).length - entries().size;
        return { maxError: wrong.length + Math.abs(surplus), note: [`${entries().size} tensors`, ...wrong].join('; ') };
      },
    },
    {
      ...common,
      comparison: `verdicts on ${Object.keys(golden).length} well-formed and damaged files; ${stricter.size} are refused here alone, on purpose`,
      quantity: 'verdicts that differ',
      tolerance: 0,
      async run() {
        const { cases } = await outcome();
        const different = Object.entries(golden).filter(([name, { hex }]) => {
          const accepted = acceptedHere(Buffer.from(hex, 'hex'));
          return stricter.has(name) ? accepted || cases[name] !== 'OK' : accepted !== (cases[name] === 'OK');
        });
        return { maxError: different.length, note: different.map(([name]) => name).join('; ') };
      },
    },
    {
      ...common,
      comparison: 'the library still says what the golden file records of it',
      quantity: 'messages that differ',
      tolerance: 0,
      async run() {
        const { cases } = await outcome();
        const different = Object.entries(golden).filter(([name, { result_safetensors_0_8_0: recorded }]) => {
          const said = cases[name] ?? '';
          // Behind the first quoted name a message differs from run to run: of several wrong tensors it names any.
          return recorded.startsWith('OK') ? said !== 'OK' : beginning(said) !== beginning(recorded);
        });
        return { maxError: different.length, note: different.map(([name]) => name).join('; ') };
      },
    },
    {
      ...common,
      comparison: 'a file written here, read here',
      quantity: 'tensors that differ',
      tolerance: 0,
      async run() {
        await outcome();
        const opened = await openSafetensors(file());
        let wrong = 0;
        for (const [name, { data }] of entries()) if (Buffer.compare((await opened.bytes(name)).data, data) !== 0) wrong += 1;
        await opened.close();
        return { maxError: wrong };
      },
    },
  ];
}

const beginning = (message: string): string => message.split('`')[0] ?? '';

const metadata = { format: 'pt', 'ключ "x"\n': 'värde\t\u0001 😀' };

type Bytes = TensorEntry & { readonly data: Uint8Array };

function entries(): Map<string, Bytes> {
  const made = new Map<string, Bytes>();
  const add = (name: string, dtype: (typeof dtypes)[number], shape: readonly number[]): void => {
    const bytes = (shape.reduce((product, size) => product * size, 1) * bitsOf(dtype)) / 8;
    made.set(name, { dtype, shape, data: Uint8Array.from({ length: bytes }, (_, index) => (index * 37 + made.size) & 255) });
  };
  for (const dtype of dtypes) add(`of ${dtype}`, dtype, [3, 8]);
  add('scalar', 'F32', []);
  add('empty', 'BF16', [0, 5]);
  add('', 'U8', [1]);
  add('имя/"quoted"\\ \n 😀', 'I64', [2, 1, 2]);
  add('__proto__', 'F16', [1]);
  return made;
}

function acceptedHere(bytes: Uint8Array): boolean {
  try {
    parseHeader(bytes, bytes.byteLength);
    return true;
  } catch (error) {
    if (error instanceof NlaError) return false;
    throw error;
  }
}
