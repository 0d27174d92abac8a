import type { CheckpointEvent, HostTensor, Override, StepEvent, TrainContext, TrainerState, TrainEvent } from '@nlakit/core';
import { tf } from '@nlakit/ops';
import { createSeedStreams } from '@nlakit/run';
import { check, checkBits, checkJson, checkRefuses, checkSame } from '../check.js';
import { checkNoLeak } from '../check-no-leak.js';
import type { ConformanceCase, Subject } from '../conformance-case.js';
import { spyOnModel } from '../spy-on-model.js';
import { createToyStage, toyContract, toyRows } from '../toy/toy-stage.js';

/**
 * What a trainer must do: tell what happens, hand out checkpoints that are whole, stop and go on without a trace in the numbers, keep to
 * the memory it planned, and learn.
 */
export function trainerCases(): ConformanceCase<'trainer'>[] {
  return [
    {
      name: 'trainer: says what it trains, and for how long',
      level: 1,
      run: async (subject) => {
        const { role, steps } = await subject.shared();
        check(['av', 'ar'].includes(role), 'The role is neither av nor ar.', String(role));
        check(Number.isInteger(steps) && steps > 0, 'steps is no number of steps.', String(steps));
        check(steps >= 3 && steps <= 50, 'The suite trains again and again: give it options of 3 to 50 steps.', `${steps} steps`);
      },
    },
    {
      name: 'trainer: plans memory in parts that add up',
      level: 1,
      run: async (subject) => {
        const trainer = await subject.shared();
        const { model, backend } = await contextOf(subject);
        const planOf = (baseBytes: number) =>
          trainer.plan({ spec: model.spec, baseBytes, capabilities: backend.capabilities, layer: toyContract.layer });
        const { parts, peakBytes } = planOf(1_000_000);
        const onBackend = parts.filter(({ place }) => place !== 'host').reduce((sum, { bytes }) => sum + bytes, 0);
        check(
          parts.every(({ name, bytes }) => name !== '' && bytes >= 0 && Number.isFinite(bytes)),
          'A part of the plan has no name or no bytes.',
          JSON.stringify(parts),
        );
        check(
          Math.abs(onBackend - peakBytes) <= 1,
          'peakBytes is not the sum of the parts on the backend.',
          String(peakBytes),
          String(onBackend),
        );
        const larger = planOf(3_000_000).peakBytes - peakBytes;
        check(larger === 2_000_000, 'A base model of 2 MB more does not need 2 MB more.', String(larger));
      },
    },
    {
      name: 'trainer: tells what happens, in order',
      level: 1,
      run: async (subject) => {
        const { steps } = await subject.shared();
        const { events } = await trained(subject);
        const first = (type: TrainEvent['type']): number => events.findIndex((event) => event.type === type);
        check(first('plan') >= 0 && first('plan') < first('step'), 'The plan does not come before the first step.', typesOf(events));
        const taken = stepsOf(events);
        checkSame(
          taken.map(({ step }) => step),
          Array.from({ length: steps }, (_, at) => at + 1),
          'Steps are missing, or come twice.',
        );
        for (const { steps: total, step, figures } of taken) {
          check(total === steps, `Step ${step} tells of another number of steps.`, String(total), String(steps));
          for (const name of ['loss', 'learningRate', 'gradientNorm', 'tokens', 'seconds'] as const) {
            check(Number.isFinite(figures[name]), `${name} of step ${step} is no number.`, String(figures[name]));
          }
          check(figures.tokens > 0, `Step ${step} read no token.`);
        }
        const last = events.at(-1);
        check(last?.type === 'done' && last.step === steps, 'The last event is not `done` with the last step.', typesOf(events.slice(-3)));
        check(events.filter(({ type }) => type === 'done').length === 1, 'Training is done more than once.');
        check(
          checkpointsOf(events).some(({ step, reason }) => step === steps && reason === 'save'),
          'The last step is not saved.',
          checkpointsOf(events)
            .map(({ step }) => step)
            .join(', '),
        );
      },
    },
    {
      name: 'trainer: hands out checkpoints that are whole',
      level: 1,
      run: async (subject) => {
        const { events, context } = await trained(subject);
        const { linears } = context.model.spec;
        for (const { step, lora, pairs, extra, training, health, state } of checkpointsOf(events)) {
          check(pairs.size > 0 || extra.size > 0, `The checkpoint of step ${step} holds nothing that was trained.`);
          for (const [path, { a, b }] of pairs) {
            const shape = linears.get(path);
            check(shape !== undefined, 'An adapter is on a linear that the model does not have.', path);
            checkSame(
              [a.shape, b.shape],
              [
                [lora.rank, shape[1]],
                [shape[0], lora.rank],
              ],
              `The matrices of ${path} have another shape.`,
            );
          }
          for (const tensor of tensorsOf({ pairs, extra })) {
            check(
              tensor.data.length === tensor.shape.reduce((size, one) => size * one, 1),
              'A tensor has another number of values than its shape.',
            );
            check(tensor.data.every(Number.isFinite), `The checkpoint of step ${step} holds values that are no numbers.`);
          }
          checkJson(training, 'training');
          checkJson(health, 'health');
          checkJson(state.cursor, 'state.cursor');
          checkJson(state.streams, 'state.streams');
          check(state.step === step, 'The state is that of another step.', String(state.step), String(step));
        }
        const saves = checkpointsOf(events);
        const [one, other] = [saves[0], saves.at(-1)];
        if (one === undefined || other === undefined || one === other) return;
        check(
          hashable(one) !== hashable(other),
          'The first and the last checkpoint hold the same: a later step overwrites what was handed out, or nothing is trained.',
        );
      },
    },
    {
      name: 'trainer: leaves model and memory as it found them',
      level: 1,
      run: async (subject) => {
        const context = await contextOf(subject);
        const spy = spyOnModel(context.model);
        const spied = { ...context, model: spy.model };
        await checkNoLeak('training', async () => {
          await eventsOf((await subject.create()).train(spied));
        });
        check((spy.adapted.at(-1) ?? null) === null, 'An adapter is still attached to the model.');
        await checkNoLeak('training that was left', async () => {
          for await (const event of (await subject.create()).train(spied)) if (event.type === 'step') break;
        });
        check((spy.adapted.at(-1) ?? null) === null, 'An adapter is still attached when nobody listens any more.');
      },
    },
    {
      name: 'trainer: stops within a step when it is told to',
      level: 1,
      run: async (subject) => {
        const controller = new AbortController();
        const context = { ...(await contextOf(subject)), signal: controller.signal };
        const { steps } = await subject.shared();
        const at = Math.max(1, Math.min(2, steps - 2));
        let after = 0;
        let last: TrainEvent | undefined;
        await checkNoLeak('training that was stopped', async () => {
          try {
            for await (const event of (await subject.create()).train(context)) {
              last = event;
              if (event.type === 'step' && event.step > at) after += 1;
              if (event.type === 'step' && event.step === at) controller.abort();
            }
          } catch {
            last = undefined;
          }
        });
        check(after <= 1, 'Training goes on after it was told to stop.', `${after} steps`, 'at most 1');
        check(last?.type !== 'done', 'Training that was stopped says that it is done.');
        check(
          last?.type === 'checkpoint',
          'Training that was stopped hands out no state to go on from.',
          last?.type,
          'a checkpoint as the last event',
        );
        check(last.reason === 'interrupt', 'A checkpoint that nobody asked for is part of the trajectory.', last.reason, 'interrupt');
      },
    },
    {
      name: 'trainer: refuses a state that is not its own',
      level: 1,
      run: async (subject) => {
        const state: TrainerState = { step: 1, tensors: new Map(), streams: {}, cursor: { of: 'another trainer' } };
        const context = await contextOf(subject);
        await checkNoLeak('a state that was refused', () =>
          checkRefuses('The state of another trainer', async () => eventsOf((await subject.create()).train(context, state))),
        );
      },
    },
    {
      name: 'trainer: gives each row its own vector, at the scale of the contract',
      level: 2,
      skip: async (subject) =>
        (await subject.shared()).role === 'ar'
          ? { because: 'not-declared', reason: 'an AR reads texts: nothing is injected' }
          : subject.fixtures.context !== undefined
            ? { because: 'not-declared', reason: 'the context is not that of the toy world, whose texts name their vectors' }
            : undefined,
      run: async (subject) => {
        const context = await contextOf(subject);
        const spy = spyOnModel(context.model);
        await eventsOf((await subject.create()).train({ ...context, model: spy.model }));
        const { tokenizer } = context.model;
        const { injectionTokenId } = context.contract.tokens;
        const topics = new Map(toyTopics.map((topic, axis) => [tokenizer.idOf(topic), axis]));
        let seen = 0;
        for (const { tokens, batch, length, overrides = [] } of spy.passes) {
          for (let row = 0; row < batch; row += 1) {
            const ids = tokens.subarray(row * length, (row + 1) * length);
            const axis = [...ids].flatMap((id) => topics.get(id) ?? [])[0];
            // The text of the row stands behind the prompt in training; what is generated does not.
            if (axis === undefined || !ids.includes(injectionTokenId)) continue;
            const override = overrides.find((one) => one.row === row);
            if (override === undefined) continue;
            check(
              override.position === ids.indexOf(injectionTokenId),
              'A vector stands beside the marker.',
              String(override.position),
              String(ids.indexOf(injectionTokenId)),
            );
            const values = valuesOf(override);
            const norm = Math.hypot(...values);
            check(
              Math.abs(norm / toyScale - 1) < 1e-3,
              'A vector is injected at another scale than that of the contract.',
              norm.toPrecision(4),
              String(toyScale),
            );
            seen += values.indexOf(Math.max(...values)) === axis ? 1 : -1;
          }
        }
        // A trainer may also show other vectors, to see what they cost; most of what it does is to train.
        check(seen > 0, 'Rows are not trained with their own vectors.', seen === 0 ? 'no vector is injected' : 'vectors of other rows');
      },
    },
    {
      name: 'trainer: gives the same bytes with the same seed',
      level: 2,
      run: async (subject) => {
        const { events } = await trained(subject);
        const again = await eventsOf((await subject.create()).train(await contextOf(subject)));
        checkSameTraining(again, events, 'The same seed trains another adapter');
        const other = await eventsOf((await subject.create()).train({ ...(await contextOf(subject)), seeds: createSeedStreams(99) }));
        const [mine, theirs] = [checkpointsOf(events).at(-1), checkpointsOf(other).at(-1)];
        check(
          mine !== undefined && theirs !== undefined && hashable(mine) !== hashable(theirs),
          'Another seed trains the same adapter: the streams of the run are not used.',
        );
      },
    },
    {
      name: 'trainer: goes on to the same bytes from any step',
      level: 2,
      run: async (subject) => {
        const { events } = await trained(subject);
        const { steps } = await subject.shared();
        for (const untilStep of new Set([1, Math.floor(steps / 2), steps - 1])) {
          const first = await eventsOf((await subject.create()).train({ ...(await contextOf(subject)), untilStep }));
          const state = checkpointsOf(first).at(-1)?.state;
          check(
            state?.step === untilStep,
            'Training until a step hands out no state of that step.',
            String(state?.step),
            String(untilStep),
          );
          // A run is resumed by another process: what is not in the state is lost.
          const rest = await eventsOf((await subject.create()).train(await contextOf(subject), stored(state)));
          const whole = events.filter((event) => !('step' in event) || event.step === undefined || event.step > untilStep);
          checkSameTraining(rest, whole, `Resumed from step ${untilStep}, training gives another adapter`);
        }
      },
    },
    {
      name: 'trainer: goes on to the same bytes after it was stopped',
      level: 2,
      run: async (subject) => {
        const { events } = await trained(subject);
        const controller = new AbortController();
        const first: TrainEvent[] = [];
        for await (const event of (await subject.create()).train({ ...(await contextOf(subject)), signal: controller.signal })) {
          first.push(event);
          if (event.type === 'step') controller.abort();
        }
        const state = checkpointsOf(first).at(-1)?.state;
        check(state !== undefined, 'Training that was stopped hands out no state.');
        const rest = await eventsOf((await subject.create()).train(await contextOf(subject), stored(state)));
        const whole = events.filter((event) => !('step' in event) || event.step === undefined || event.step > state.step);
        checkSameTraining(rest, whole, `Resumed from step ${state.step}, training gives another adapter`);
      },
    },
    {
      name: 'trainer: needs the memory it planned, within a factor of two',
      level: 2,
      run: async (subject) => {
        const context = await contextOf(subject);
        const before = tf.memory().numBytes;
        let peak = before;
        const spy = spyOnModel(context.model, () => (peak = Math.max(peak, tf.memory().numBytes)));
        const events = await eventsOf((await subject.create()).train({ ...context, model: spy.model }));
        const planned = events.flatMap((event) => (event.type === 'plan' ? [event.plan.peakBytes] : []))[0] ?? 0;
        subject.record('planned bytes', planned);
        subject.record('bytes seen', peak);
        // Plans are made for models of another size than the toy, where what nobody plans for is a large share.
        check(peak <= 2 * planned, 'Far more memory is used than was planned.', `${peak} bytes`, `${planned} bytes`);
      },
    },
    {
      name: 'trainer: learns the toy task',
      level: 4,
      run: async (subject) => {
        const { learning } = subject.fixtures;
        const validated = learning === undefined ? undefined : await subject.plugin.optionsSchema['~standard'].validate(learning);
        check(validated?.issues === undefined, 'The options of `learning` are refused.', JSON.stringify(validated?.issues));
        const trainer = await subject.create(validated?.value);
        const losses = stepsOf(await eventsOf(trainer.train(await contextOf(subject)))).map(({ figures }) => figures.loss);
        const [first = NaN] = losses;
        const last = losses.slice(-3).reduce((sum, loss) => sum + loss / Math.min(3, losses.length), 0);
        subject.record('loss of the first step', first);
        subject.record('loss of the last steps', last);
        check(last <= 0.8 * first, 'The loss does not fall.', last.toPrecision(4), `at most 0.8 times ${first.toPrecision(4)}`);
      },
    },
  ];
}

const toyTopics = ['animal', 'food', 'plant', 'time'];
const toyScale = toyContract.injectionScale ?? 1;

/** A stage of its own for one training. */
async function contextOf(subject: Subject<'trainer'>): Promise<TrainContext> {
  return { ...createToyStage({ rows: toyRows(24), heldOut: toyRows(32).slice(24) }), ...(await subject.fixtures.context?.()) };
}

interface Trained {
  readonly context: TrainContext;
  readonly events: readonly TrainEvent[];
}

const trainings = new WeakMap<Subject<'trainer'>, Promise<Trained>>();

/** One training that cases share. */
function trained(subject: Subject<'trainer'>): Promise<Trained> {
  const make = async (): Promise<Trained> => {
    const context = await contextOf(subject);
    return { context, events: await eventsOf((await subject.shared()).train(context)) };
  };
  const found = trainings.get(subject) ?? make();
  trainings.set(subject, found);
  return found;
}

async function eventsOf(stream: AsyncIterable<TrainEvent>): Promise<TrainEvent[]> {
  const events: TrainEvent[] = [];
  for await (const event of stream) events.push(event);
  return events;
}

function stepsOf(events: readonly TrainEvent[]): StepEvent[] {
  return events.filter((event): event is StepEvent => event.type === 'step');
}

function checkpointsOf(events: readonly TrainEvent[]): CheckpointEvent[] {
  return events.filter((event): event is CheckpointEvent => event.type === 'checkpoint');
}

function typesOf(events: readonly TrainEvent[]): string {
  return events.map(({ type }) => type).join(', ');
}

function tensorsOf({ pairs, extra }: Pick<CheckpointEvent, 'pairs' | 'extra'>): HostTensor[] {
  return [...[...pairs.values()].flatMap(({ a, b }) => [a, b]), ...[...extra.values()].flatMap((tensors) => [...tensors.values()])];
}

/** All that was trained, as text to compare. */
function hashable(checkpoint: CheckpointEvent): string {
  return tensorsOf(checkpoint)
    .map(({ data }) => Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString('base64'))
    .join();
}

/** A state as it comes back from disk: by value, and without what JSON loses. */
function stored(state: TrainerState): TrainerState {
  return {
    step: state.step,
    tensors: new Map([...state.tensors].map(([name, { shape, data }]) => [name, { shape: [...shape], data: data.slice() } as HostTensor])),
    streams: JSON.parse(JSON.stringify(state.streams)) as TrainerState['streams'],
    cursor: JSON.parse(JSON.stringify(state.cursor)) as TrainerState['cursor'],
  };
}

/** Fails unless both trainings took the same steps to the same saved checkpoints. */
function checkSameTraining(found: readonly TrainEvent[], expected: readonly TrainEvent[], message: string): void {
  const numbers = (events: readonly TrainEvent[]): unknown =>
    stepsOf(events).map(({ step, figures }) => [step, figures.loss, figures.gradientNorm]);
  checkSame(numbers(found), numbers(expected), `${message}: losses are others.`);
  const saves = (events: readonly TrainEvent[]): CheckpointEvent[] => checkpointsOf(events).filter(({ reason }) => reason === 'save');
  const [mine, theirs] = [saves(found), saves(expected)];
  checkSame(
    mine.map(({ step }) => step),
    theirs.map(({ step }) => step),
    `${message}: other steps are saved.`,
  );
  for (const [at, one] of mine.entries()) {
    const other = theirs[at];
    if (other === undefined) continue;
    const [left, right] = [tensorsOf(one), tensorsOf(other)];
    check(left.length === right.length, `${message}.`, `${left.length} tensors`, `${right.length}`);
    left.forEach(({ data }, place) => checkBits(data, right[place]?.data ?? [], `${message} at step ${one.step}.`));
    checkSame(one.health, other.health, `${message}: its health at step ${one.step} is another.`);
  }
}

function valuesOf({ vector }: Override): Float32Array {
  return vector instanceof Float32Array ? vector : (vector.dataSync() as Float32Array);
}
