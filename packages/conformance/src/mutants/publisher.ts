import type { PublishPlan, Publisher, Release } from '@nlakit/core';
import { mutate, type Mutant } from './mutant.js';

/** Faults of a publisher. */
export const publisherMutants: readonly Mutant<'publisher'>[] = [
  ofPlan('plans a wrong hash', 'publisher: plans every file with its size and hash', (plan) => ({
    ...plan,
    files: plan.files.map((file) => ({ ...file, sha256: '0'.repeat(64) })),
  })),
  ofPlan('leaves a file out without a word', 'publisher: plans every file with its size and hash', (plan) =>
    withFiles(plan, plan.files.slice(1)),
  ),
  lenient('publishes secrets and paths of this machine', 'publisher: refuses what must not leave the machine'),
  lenient('writes outside of its folder', 'publisher: refuses paths that lead out of the release'),
  lenient('passes over a file that it cannot read', 'publisher: refuses a file that cannot be read'),
  mutate('publishes while it plans', 'publisher: writes nothing while it plans', (publisher) => ({
    ...publisher,
    plan: async (release) => {
      const plan = await publisher.plan(release);
      for await (const _ of publisher.publish(plan, new AbortController().signal));
      return plan;
    },
  })),
  mutate('does not say that it is done', 'publisher: tells of its progress, and of its end', (publisher) => ({
    ...publisher,
    async *publish(plan, signal) {
      for await (const event of publisher.publish(plan, signal)) if (event.type !== 'done') yield event;
    },
  })),
  mutate('lets progress go backwards', 'publisher: tells of its progress, and of its end', (publisher) => ({
    ...publisher,
    async *publish(plan, signal) {
      for await (const event of publisher.publish(plan, signal))
        yield event.type === 'progress' ? { ...event, doneBytes: event.totalBytes - event.doneBytes } : event;
    },
  })),
  mutate('does not listen', 'publisher: stops before the first byte when it is told to', (publisher) => ({
    ...publisher,
    publish: (plan) => publisher.publish(plan, new AbortController().signal),
  })),
  mutate('does not publish the last file', 'publisher: publishes what was planned, byte for byte', (publisher) => ({
    ...publisher,
    publish: (plan, signal) => publisher.publish(withFiles(plan, plan.files.slice(0, -1)), signal),
  })),
  ofPlan('takes everything for new', 'publisher: finds everything there the second time', (plan) => ({
    ...plan,
    files: plan.files.map((file) => ({ ...file, unchanged: false })),
  })),
  ofPlan('takes everything for unchanged', 'publisher: plans what has changed, and only that', (plan) => ({
    ...plan,
    files: plan.files.map((file) => ({ ...file, unchanged: true })),
  })),
  mutate('publishes what lies there now', 'publisher: does not publish a file that has changed since the plan', (publisher) => {
    const releases = new WeakMap<PublishPlan, Release>();
    return {
      ...publisher,
      plan: async (release) => {
        const plan = await publisher.plan(release);
        releases.set(plan, release);
        return plan;
      },
      async *publish(plan, signal) {
        const release = releases.get(plan);
        yield* publisher.publish(release === undefined ? plan : await publisher.plan(release), signal);
      },
    };
  }),
  mutate('takes what it has begun for done', 'publisher: goes on wherever it was stopped', (publisher) => ({
    ...publisher,
    async *publish(plan, signal) {
      const begun = interrupted.has(plan.repository);
      interrupted.add(plan.repository);
      if (begun) yield { type: 'done', destination: plan.destination, files: plan.files.length, bytes: plan.totalBytes };
      else yield* publisher.publish(plan, signal);
    },
  })),
];

const interrupted = new Set<string>();

function ofPlan(name: string, caughtBy: string, change: (plan: PublishPlan) => PublishPlan): Mutant<'publisher'> {
  return mutate(name, caughtBy, (publisher): Publisher => ({
    ...publisher,
    plan: async (release) => change(await publisher.plan(release)),
  }));
}

/** A publisher that plans nothing where it should refuse. */
function lenient(name: string, caughtBy: string): Mutant<'publisher'> {
  return mutate(name, caughtBy, (publisher): Publisher => ({
    ...publisher,
    plan: (release) =>
      publisher
        .plan(release)
        .catch(() => ({ repository: release.repository, destination: 'anywhere', files: [], totalBytes: 0, warnings: [] })),
  }));
}

function withFiles(plan: PublishPlan, files: PublishPlan['files']): PublishPlan {
  return { ...plan, files };
}
