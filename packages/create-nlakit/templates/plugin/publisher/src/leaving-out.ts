import type { Publisher } from '@nlakit/core';

/** A publisher that leaves out what begins with one of `beginnings`, and says so in its plan. */
export function leavingOut(publisher: Publisher, beginnings: readonly string[], name: string): Publisher {
  const stays = (path: string): boolean => beginnings.some((beginning) => path.startsWith(beginning));
  return {
    ...publisher,
    name,
    plan: async (release) => {
      const plan = await publisher.plan({ ...release, files: release.files.filter(({ path }) => !stays(path)) });
      const leftOut = release.files.filter(({ path }) => stays(path)).map(({ path }) => ({ path, reason: 'leaveOut of the config' }));
      return leftOut.length === 0 ? plan : { ...plan, leftOut: [...(plan.leftOut ?? []), ...leftOut] };
    },
    publish: (plan, signal) => publisher.publish(plan, signal),
  };
}
