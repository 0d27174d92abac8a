import { readEvents } from './event-log.js';
import { checkResumeState } from './resume-state.js';
import type { Role } from './run-layout.js';
import type { RunSession } from './run-session.js';
import { createSeedStreams } from './seed-streams.js';
import { finishedResult } from './train-stage.js';
import { trainingSetting } from './training-setting.js';

/**
 * Asks the trainers of `roles`, trained in that order, what they would refuse, before the first of them begins: an injection scale that the
 * guard refuses, or a damaged state, must not show after hours of another role's training. Roles that are complete are not asked, nor is the one whose turn it is.
 * Throws what the trainers' `check` throws, and `E_RESUME`.
 */
export async function checkTraining(session: RunSession, roles: readonly Role[]): Promise<void> {
  const events = await readEvents(session.layout.eventsFile);
  const ahead = roles.filter((role) => {
    const past = events.filter((event) => event.stage === 'train' && event.role === role);
    return finishedResult(role, past) === undefined;
  });
  for (const role of ahead.slice(1)) {
    await checkResumeState(session.layout.resume(role), session.record.hash);
    const { trainer, layer: _layer, description: _description, ...context } = await trainingSetting(session, role);
    await trainer.check?.({ ...context, seeds: createSeedStreams(session.record.seed) });
  }
}
