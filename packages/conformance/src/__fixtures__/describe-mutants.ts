import type { Plugin, PluginKind } from '@nlakit/core';
import { describe, expect, it } from 'vitest';
import { conformanceCases } from '../conformance-cases.js';
import type { FixturesOf } from '../fixtures.js';
import { mutantsOf } from '../mutants/index.js';
import { runConformance } from '../run-conformance.js';

/** What a mutant says that breaks down: it would be caught by accident. */
const accident = /Cannot read properties|is not a function|is not iterable|is not defined/;

/** Declares that a right plugin passes, and that each mutant of it fails at the case it names and for its fault. */
export function describeMutants<Kind extends PluginKind>(plugin: Plugin<Kind>, fixtures: FixturesOf<Kind>, tags: string[] = []): void {
  const mutants = mutantsOf(plugin.kind);
  describe(`mutants of ${plugin.name}`, { tags }, () => {
    it('are mutants of a plugin that is right, and name cases that there are', async () => {
      const named = new Set(mutants.map(({ caughtBy }) => caughtBy));
      const { cases } = await runConformance(plugin, fixtures, { only: [...named] });
      expect(cases.filter(({ outcome, because }) => outcome === 'failed' || because === 'no-fixture')).toEqual([]);
      expect(cases.length).toBe(named.size);
    });

    it.each(mutants.map(({ name, caughtBy, of }) => [name, caughtBy, of] as const))('%s: caught by %s', async (_, caughtBy, of) => {
      const { cases } = await runConformance(of(plugin), fixtures, { only: [caughtBy] });
      expect(cases).toMatchObject([{ name: caughtBy, outcome: 'failed' }]);
      expect(cases[0]?.reason).not.toMatch(accident);
    });

    it('leave no case without a mutant', () => {
      // Kernels have their wrong variants beside their tests, and a speed cannot be wrong.
      const all = conformanceCases(plugin).filter(({ name, level }) => level < 5 && !/^backend: (domain|stock) kernels/.test(name));
      const named = new Set(mutants.map(({ caughtBy }) => caughtBy));
      expect(all.map(({ name }) => name).filter((name) => !named.has(name))).toEqual([]);
    });
  });
}
