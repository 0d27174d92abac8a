import type { CheckpointEvent, HostTensor, TrainContext, Trainer, TrainerState, TrainEvent } from '@nlakit/core';
import { tf } from '@nlakit/ops';
import { createSeedStreams } from '@nlakit/run';
import { mutate, type Mutant } from './mutant.js';
import { withGradient } from './with-gradient.js';

/** Faults of a trainer. */
export const trainerMutants: readonly Mutant<'trainer'>[] = [
  mutate('trains neither AV nor AR', 'trainer: says what it trains, and for how long', (trainer) => ({
    ...trainer,
    role: 'critic' as never,
  })),
  mutate('plans a peak that is not the sum of its parts', 'trainer: plans memory in parts that add up', (trainer) => ({
    ...trainer,
    plan: (context) => ({ ...trainer.plan(context), peakBytes: 1 }),
  })),
  ofEvents('leaves out a step', 'trainer: tells what happens, in order', (event) =>
    event.type === 'step' && event.step === 2 ? undefined : event,
  ),
  ofEvents('never says that it is done', 'trainer: tells what happens, in order', (event) => (event.type === 'done' ? undefined : event)),
  ofEvents('tells of a loss that is no number', 'trainer: tells what happens, in order', (event) =>
    event.type === 'step' ? { ...event, figures: { ...event.figures, loss: NaN } } : event,
  ),
  ofEvents('does not save its last step', 'trainer: tells what happens, in order', (event) =>
    event.type === 'checkpoint' ? { ...event, reason: 'interrupt' } : event,
  ),
  ofCheckpoints('hands out a state of another step', 'trainer: hands out checkpoints that are whole', ({ state, ...event }) => ({
    ...event,
    state: { ...state, step: state.step - 1 },
  })),
  ofCheckpoints('names linears that the model does not have', 'trainer: hands out checkpoints that are whole', ({ pairs, ...event }) => ({
    ...event,
    pairs: new Map([...pairs].map(([path, pair]) => [`base_model.${path}`, pair])),
  })),
  ofCheckpoints('has health that JSON does not know', 'trainer: hands out checkpoints that are whole', (event) => ({
    ...event,
    health: { ...event.health, gap: NaN },
  })),
  mutate('overwrites the checkpoints it handed out', 'trainer: hands out checkpoints that are whole', (trainer) => {
    const handed: HostTensor[][] = [];
    return {
      ...trainer,
      async *train(context, resume) {
        for await (const event of trainer.train(context, resume)) {
          if (event.type === 'checkpoint') {
            const now = tensorsOf(event);
            for (const before of handed) before.forEach(({ data }, at) => data.set(now[at]?.data ?? data));
            handed.push(now);
          }
          yield event;
        }
      },
    };
  }),
  mutate('leaves a tensor behind', 'trainer: leaves model and memory as it found them', (trainer) => ({
    ...trainer,
    train: (context, resume) => {
      tf.zeros([2]);
      return trainer.train(context, resume);
    },
  })),
  ofContext('leaves its adapter on the model', 'trainer: leaves model and memory as it found them', (context) => ({
    ...context,
    model: {
      ...context.model,
      adapt: (adapter) => {
        if (adapter !== null) context.model.adapt(adapter);
      },
    },
  })),
  ofContext('does not listen', 'trainer: stops within a step when it is told to', (context) => ({
    ...context,
    signal: new AbortController().signal,
  })),
  ofEvents('makes an interruption part of the trajectory', 'trainer: stops within a step when it is told to', (event) =>
    event.type === 'checkpoint' ? { ...event, reason: 'save' } : event,
  ),
  mutate('begins anew from a state it cannot read', 'trainer: refuses a state that is not its own', (trainer) => ({
    ...trainer,
    async *train(context, resume) {
      try {
        yield* trainer.train(context, resume);
      } catch {
        yield* trainer.train(context);
      }
    },
  })),
  ofContext(
    'trains rows with vectors of other rows',
    'trainer: gives each row its own vector, at the scale of the contract',
    (context) => ({
      ...context,
      injector: {
        ...context.injector,
        apply: (slots, vectors, scale) => {
          const overrides = context.injector.apply(slots, vectors, scale);
          return slots.map((slot, at) => ({ ...slot, vector: (overrides[(at + 1) % overrides.length] ?? { vector: vectors }).vector }));
        },
      },
    }),
  ),
  ofContext('injects at a scale of its own', 'trainer: gives each row its own vector, at the scale of the contract', (context) => ({
    ...context,
    injector: { ...context.injector, apply: (slots, vectors) => context.injector.apply(slots, vectors, 1) },
  })),
  ofContext('draws from streams that nobody seeded', 'trainer: gives the same bytes with the same seed', (context) => ({
    ...context,
    seeds: createSeedStreams((trainings += 1)),
  })),
  ofContext('has a seed of its own', 'trainer: gives the same bytes with the same seed', (context) => ({
    ...context,
    seeds: createSeedStreams(5),
  })),
  mutate('begins anew where it should go on', 'trainer: goes on to the same bytes from any step', (trainer) => ({
    ...trainer,
    train: (context) => trainer.train(context),
  })),
  ofState('forgets the moments of its optimizer', 'trainer: goes on to the same bytes from any step', (state) => ({
    ...state,
    tensors: new Map(
      [...state.tensors].map(
        ([name, tensor]) =>
          [name, /optimizer|moment|exp_avg/i.test(name) ? { ...tensor, data: tensor.data.map(() => 0) } : tensor] as never,
      ),
    ),
  })),
  ofState('forgets its random streams', 'trainer: goes on to the same bytes after it was stopped', (state) => ({
    ...state,
    streams: Object.fromEntries(Object.keys(state.streams).map((name) => [name, createSeedStreams(9).stream(name).state()])),
  })),
  ofEvents('plans a tenth of what it needs', 'trainer: needs the memory it planned, within a factor of two', (event) =>
    event.type === 'plan' ? { ...event, plan: { ...event.plan, peakBytes: event.plan.peakBytes / 10 } } : event,
  ),
  ofContext('learns nothing', 'trainer: learns the toy task', (context) => ({
    ...context,
    model: {
      ...context.model,
      head: { ...context.model.head, crossEntropy: (rows, targets) => context.model.head.crossEntropy(withGradient(rows, 0), targets) },
    },
  })),
];

let trainings = 0;

function ofEvents(name: string, caughtBy: string, change: (event: TrainEvent) => TrainEvent | undefined): Mutant<'trainer'> {
  return mutate(name, caughtBy, (trainer) => ({
    ...trainer,
    async *train(context, resume) {
      for await (const event of trainer.train(context, resume)) {
        const changed = change(event);
        if (changed !== undefined) yield changed;
      }
    },
  }));
}

function ofCheckpoints(name: string, caughtBy: string, change: (event: CheckpointEvent) => CheckpointEvent): Mutant<'trainer'> {
  return ofEvents(name, caughtBy, (event) => (event.type === 'checkpoint' ? change(event) : event));
}

function ofContext(name: string, caughtBy: string, change: (context: TrainContext) => TrainContext): Mutant<'trainer'> {
  return mutate(name, caughtBy, (trainer): Trainer => ({ ...trainer, train: (context, resume) => trainer.train(change(context), resume) }));
}

function ofState(name: string, caughtBy: string, change: (state: TrainerState) => TrainerState): Mutant<'trainer'> {
  return mutate(name, caughtBy, (trainer): Trainer => ({
    ...trainer,
    train: (context, resume) => trainer.train(context, resume === undefined ? undefined : change(resume)),
  }));
}

function tensorsOf({ pairs, extra }: CheckpointEvent): HostTensor[] {
  return [...[...pairs.values()].flatMap(({ a, b }) => [a, b]), ...[...extra.values()].flatMap((tensors) => [...tensors.values()])];
}
