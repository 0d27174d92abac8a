import * as z from 'zod';

/** One slot of a config: which plugin, and its options. */
export interface PluginSlot {
  /** A module specifier, resolved from the config's folder: `@scope/package`, `package#export`, `./file.ts#export`. */
  readonly use: string;
  /** Validated by the plugin's own schema. */
  readonly options?: Readonly<Record<string, unknown>>;
}

/** An evaluator's slot. Its id names the folder its results go to. */
export interface EvaluatorSlot extends PluginSlot {
  readonly id: string;
}

/** What a config file holds: one NLA experiment. */
export interface RunConfig {
  readonly schema: 1;
  /** Lower-case name; the run folder defaults to `runs/<name>`. */
  readonly name: string;
  readonly seed?: number;
  /** `use: auto` (also when absent) takes the first backend that the host can offer. */
  readonly backend?: PluginSlot;
  readonly quantizer?: PluginSlot;
  readonly model: PluginSlot;
  readonly injector: PluginSlot;
  readonly dataset?: PluginSlot;
  /** Who writes the explanations of a dataset that is made from a corpus. */
  readonly labeler?: PluginSlot;
  readonly trainers?: { readonly ar?: PluginSlot; readonly av?: PluginSlot };
  /** Step folder of a trained reconstructor to use instead of training one: a path from the config's folder. */
  readonly reconstructor?: string;
  readonly evaluators?: readonly EvaluatorSlot[];
  readonly publisher?: PluginSlot;
}

/** Types a config written in TypeScript: `export default defineRun({ … })`. Returns its argument. */
export function defineRun(config: RunConfig): RunConfig {
  return config;
}

const slot = z.strictObject({
  use: z.string().min(1, 'Name a plugin.'),
  options: z.record(z.string(), z.unknown()).optional(),
});

const folderName = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9._-]*$/, 'Use letters, digits, dots, hyphens and underscores only; the name becomes a folder.');

/** The shape of a config; the options inside the slots are the plugins' business. */
export const runConfigSchema = z
  .strictObject({
    schema: z.literal(1, 'The only schema known is 1.'),
    name: folderName,
    seed: z.int().min(0).optional(),
    backend: slot.optional(),
    quantizer: slot.optional(),
    model: slot,
    injector: slot,
    dataset: slot.optional(),
    labeler: slot.optional(),
    trainers: z.strictObject({ ar: slot.optional(), av: slot.optional() }).optional(),
    reconstructor: z.string().min(1).optional(),
    evaluators: z.array(slot.extend({ id: folderName })).optional(),
    publisher: slot.optional(),
  })
  .check((context) => {
    if (context.value.reconstructor !== undefined && context.value.trainers?.ar !== undefined) {
      context.issues.push({
        code: 'custom',
        message: 'A run either trains its reconstructor (trainers.ar) or uses a finished one (reconstructor), not both.',
        path: ['reconstructor'],
        input: context.value.reconstructor,
      });
    }
    const seen = new Set<string>();
    context.value.evaluators?.forEach(({ id }, index) => {
      if (seen.has(id)) {
        context.issues.push({
          code: 'custom',
          message: `Two evaluators have the id "${id}".`,
          path: ['evaluators', index, 'id'],
          input: id,
        });
      }
      seen.add(id);
    });
  });

/** The keys known at a place of a config, for suggestions. */
export function knownKeys(path: readonly PropertyKey[]): readonly string[] {
  if (path.length === 0) return Object.keys(runConfigSchema.shape);
  if (path.length === 1 && path[0] === 'trainers') return ['ar', 'av'];
  return path[0] === 'evaluators' ? ['id', 'use', 'options'] : ['use', 'options'];
}
