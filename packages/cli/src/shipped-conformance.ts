import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

/** The level that a plugin's package states in its `conformance.json`. */
export interface ShippedConformance {
  readonly level: number;
  /** The version that was tested, where it is not the one that is installed. */
  readonly version?: string;
}

/**
 * What the package of a plugin ships as `conformance.json`; undefined where it ships none, or one of another plugin.
 *
 * @param folder where packages are looked for first; then where this one is installed
 */
export async function shippedConformance(
  plugin: { readonly name: string; readonly version: string },
  folder: string,
): Promise<ShippedConformance | undefined> {
  for (const from of [join(folder, 'package.json'), import.meta.url]) {
    try {
      const manifest = createRequire(from).resolve(`${plugin.name}/package.json`);
      const report = JSON.parse(await readFile(join(dirname(manifest), 'conformance.json'), 'utf8')) as {
        readonly level?: unknown;
        readonly plugin?: { readonly name?: unknown; readonly version?: unknown };
      };
      if (typeof report.level !== 'number' || report.plugin?.name !== plugin.name) return undefined;
      return { level: report.level, ...(report.plugin.version === plugin.version ? {} : { version: String(report.plugin.version) }) };
    } catch {
      // Not installed there, or nothing shipped.
    }
  }
  return undefined;
}
