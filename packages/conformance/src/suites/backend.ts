import type { Backend } from '@nlakit/core';
import { tf } from '@nlakit/ops';
import { describeDomainKernels } from '@nlakit/ops/testing';
import { check, checkBits, checkNear } from '../check.js';
import { checkNoLeak } from '../check-no-leak.js';
import type { ConformanceCase, Subject } from '../conformance-case.js';
import { backendEdgeCases } from './backend-edges.js';
import { collectCases } from './collect-cases.js';

/** Product kernels of our own carry this prefix in the tfjs registry. */
const prefix = 'Nla';

/** What a backend must do: be what tfjs computes on, count its tensors, know what it can do, and compute right. */
export function backendCases(): ConformanceCase<'backend'>[] {
  return [
    {
      name: 'backend: is what tfjs computes on',
      level: 1,
      run: async (subject) => {
        const backend = await started(subject);
        check(tf.getBackend() === backend.name, 'Another tfjs backend is current after create.', tf.getBackend(), backend.name);
        check(backend.description !== '', 'A backend describes engine and machine in a line.');
      },
    },
    {
      name: 'backend: has the kernels it declares, and declares those it has',
      level: 1,
      run: async (subject) => {
        const backend = await started(subject);
        const declared = new Set(backend.capabilities.kernels);
        const registered = new Set(tf.getKernelsForBackend(backend.name).map(({ kernelName }) => kernelName));
        const missing = [...declared].filter((name) => !registered.has(name));
        check(missing.length === 0, 'Kernels are declared and not registered.', missing.join(', '));
        const undeclared = [...registered].filter((name) => name.startsWith(prefix) && !declared.has(name));
        if (undeclared.length > 0)
          subject.report({ kind: 'undeclared', message: `Kernels are registered and not declared: ${undeclared.join(', ')}.` });
        subject.record('kernels', backend.capabilities.kernels.join(' '));
      },
    },
    {
      name: 'backend: states its limits',
      level: 1,
      run: async (subject) => {
        const { maxTensorBytes, deviceBytes, multiply } = (await started(subject)).capabilities;
        check(Number.isFinite(maxTensorBytes) && maxTensorBytes > 0, 'maxTensorBytes is no number of bytes.', String(maxTensorBytes));
        check(deviceBytes === undefined || deviceBytes > 0, 'deviceBytes is no number of bytes.', String(deviceBytes));
        check(multiply.includes('f32'), 'Every backend multiplies in f32.', multiply.join(', '));
        subject.record('multiply', multiply.join(' '));
      },
    },
    {
      name: 'backend: says what options would turn on, and takes them',
      level: 1,
      skip: async (subject) =>
        (await started(subject)).optionalArithmetic === undefined
          ? { because: 'not-declared', reason: 'It has no arithmetic that options turn on.' }
          : undefined,
      run: async (subject) => {
        const offered = (await (await started(subject)).optionalArithmetic?.()) ?? [];
        for (const { name, options, support, detail } of offered) {
          check(
            name !== '' && detail !== '',
            'Optional arithmetic has a name, and something of the machine it goes by.',
            `${name}: ${detail}`,
          );
          const stated = { ...(await subject.given()), ...options };
          const { issues } = await subject.plugin.optionsSchema['~standard'].validate(stated);
          check(issues === undefined, `The options that turn on ${name} are refused.`, issues?.map(({ message }) => message).join('; '));
          subject.record(name, `${support}: ${detail}`);
        }
      },
    },
    {
      name: 'backend: reads synchronously if and only if it says so',
      level: 1,
      run: async (subject) => {
        const { synchronousRead } = (await started(subject)).capabilities;
        const tensor = tf.square(tf.tensor1d([1, 2, 3]));
        let works = true;
        try {
          checkBits(tensor.dataSync(), [1, 4, 9], 'dataSync reads other numbers.');
        } catch {
          works = false;
        }
        tensor.dispose();
        check(works || !synchronousRead, 'synchronousRead is declared, and dataSync does not work.');
        if (works && !synchronousRead)
          subject.report({ kind: 'undeclared', message: 'dataSync works, and synchronousRead is not declared.' });
      },
    },
    {
      name: 'backend: counts tensors and bytes',
      level: 1,
      run: async (subject) => {
        const backend = await started(subject);
        const before = backend.memory();
        const tensor = tf.ones([64, 64]);
        const during = backend.memory();
        check(during.tensors === before.tensors + 1, 'A new tensor is not counted.', `${during.tensors - before.tensors}`, '1');
        check(
          during.liveBytes >= before.liveBytes + 4 * 64 * 64,
          'The bytes of a new tensor are not counted.',
          `${during.liveBytes - before.liveBytes}`,
        );
        check(
          during.peakBytes >= during.liveBytes,
          'The highest value seen is below the present one.',
          `${during.peakBytes}`,
          `${during.liveBytes}`,
        );
        tensor.dispose();
        const after = backend.memory();
        check(
          after.tensors === before.tensors && after.liveBytes <= before.liveBytes,
          'A disposed tensor is still counted.',
          `${after.tensors - before.tensors}`,
          '0',
        );
      },
    },
    {
      name: 'backend: tests itself',
      level: 1,
      run: async (subject) => {
        const backend = await started(subject);
        await checkNoLeak('the self-test', async () => {
          const { ok, gflops, detail } = await backend.selfTest();
          check(ok, 'The self-test fails.', detail);
          check(
            detail !== '' && Number.isFinite(gflops) && gflops >= 0,
            'The self-test says nothing of what it did.',
            `${gflops} GF/s ${detail}`,
          );
          subject.record('gflops', gflops);
        });
      },
    },
    {
      name: 'backend: multiplies matrices in f32',
      level: 2,
      run: async (subject) => {
        await started(subject);
        await checkNoLeak('the products', async () => {
          for (const [rows, inner, columns] of [
            [1, 1, 1],
            [3, 5, 7],
            [33, 65, 17],
            [64, 128, 96],
          ] as const) {
            for (const [left, right] of [
              [false, false],
              [true, false],
              [false, true],
              [true, true],
            ] as const)
              await checkProduct(rows, inner, columns, left, right);
          }
        });
      },
    },
    ...backendEdgeCases(started),
    ...collectCases<'backend'>(
      (runner) =>
        describeDomainKernels(
          runner,
          () => tf.getBackend(),
          () => Promise.resolve(),
        ),
      { prefix: 'backend: ', level: 3 },
      async (subject) => {
        await started(subject);
      },
    ),
  ];
}

/** The shared instance, current again whatever the case before did. */
async function started(subject: Subject<'backend'>): Promise<Backend> {
  const backend = await subject.shared();
  if (tf.getBackend() !== backend.name) await tf.setBackend(backend.name);
  return backend;
}

async function checkProduct(rows: number, inner: number, columns: number, left: boolean, right: boolean): Promise<void> {
  const a = Float32Array.from({ length: rows * inner }, (_, at) => Math.sin(at + 1));
  const b = Float32Array.from({ length: inner * columns }, (_, at) => Math.cos(2 * at));
  const expected = Array.from({ length: rows * columns }, (_, at) => {
    const [row, column] = [Math.floor(at / columns), at % columns];
    let sum = 0;
    for (let k = 0; k < inner; k += 1) {
      sum += (a[left ? k * rows + row : row * inner + k] ?? 0) * (b[right ? column * inner + k : k * columns + column] ?? 0);
    }
    return sum;
  });
  const one = tf.tensor2d(a, left ? [inner, rows] : [rows, inner]);
  const other = tf.tensor2d(b, right ? [columns, inner] : [inner, columns]);
  const result = tf.matMul(one, other, left, right);
  checkNear(await result.data(), expected, 1e-5, `A product of [${rows}, ${inner}] and [${inner}, ${columns}] is wrong.`);
  tf.dispose([one, other, result]);
}
