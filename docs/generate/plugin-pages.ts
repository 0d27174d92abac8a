import { existsSync } from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import * as z from 'zod';
import { escapeProse, inlineCode, table } from './markdown.js';
import { optionComments } from './option-docs.js';
import { generated, type Page } from './page.js';
import { rewriteLinks } from './repository-links.js';
import { readRepositoryFile, repositoryFolder, workspacePackages, type WorkspacePackage } from './repository.js';

/** The part of a plugin that its page is made from. */
interface LoadedPlugin {
  readonly kind: string;
  readonly name: string;
  readonly optionsSchema: z.ZodType;
  readonly needs?: readonly string[];
}

/** A package with the plugin it exports, if it is one. */
export interface PluginPackage extends WorkspacePackage {
  readonly plugin: LoadedPlugin;
}

/** The plugins of the workspace, loaded from what was built. */
export async function loadPlugins(): Promise<readonly PluginPackage[]> {
  const packages = workspacePackages().filter(({ folder, published }) => published && folder.startsWith('plugins/'));
  return Promise.all(
    packages.map(async (one) => {
      const entry = pathToFileURL(path.join(repositoryFolder, one.folder, 'dist/index.js')).href;
      const { plugin } = (await import(entry)) as { plugin: LoadedPlugin };
      return { ...one, plugin };
    }),
  );
}

/** Where the page of a package lies: `reference/plugins/evaluator-h5.md`. */
function packagePageFile({ folder }: Pick<WorkspacePackage, 'folder'>): string {
  return `reference/${folder}.md`;
}

/** One page for each published package: its README, and for a plugin every option. */
export function packagePages(plugins: readonly PluginPackage[]): readonly Page[] {
  const published = workspacePackages().filter((one) => one.published && existsSync(path.join(repositoryFolder, one.folder, 'README.md')));
  return published.map((one) => {
    const plugin = plugins.find(({ folder }) => folder === one.folder)?.plugin;
    const readme = rewriteLinks(readRepositoryFile(`${one.folder}/README.md`), `${one.folder}/README.md`).replace(
      /\nPart of \[?nlakit[^\n]*\n?$/,
      '\n',
    );
    const options = plugin === undefined ? '' : `\n\n${optionsSection(one, plugin)}`;
    return { file: packagePageFile(one), text: generated(one.name, `${one.folder}/README.md`, `${readme.trim()}${options}`) };
  });
}

function optionsSection(one: WorkspacePackage, plugin: LoadedPlugin): string {
  const rows = optionRows(plugin.optionsSchema, optionComments(one.folder));
  const needs =
    plugin.needs === undefined || plugin.needs.length === 0 ? '' : ` It needs ${plugin.needs.map((kind) => `a ${kind}`).join(' and ')}.`;
  const text = `A plugin of kind \`${plugin.kind}\`.${needs} These are all its options, read from its schema; an unknown one is refused by \`nla validate\`.`;
  return `## All options {#all-options}\n\n${rows.length === 0 ? `A plugin of kind \`${plugin.kind}\`, without options.` : `${text}\n\n${table(['option', 'value', 'default', ''], rows)}`}`;
}

/** Name, type, default and meaning of each option of a schema. */
function optionRows(schema: z.ZodType, comments: ReadonlyMap<string, string>): readonly (readonly string[])[] {
  const json = z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' }) as JsonSchema;
  const resolved = schema.safeParse({});
  const effective = (resolved.success ? resolved.data : {}) as Record<string, unknown>;
  return Object.entries(json.properties ?? {}).map(([name, property]) => {
    const value = property.default ?? effective[name];
    const required = json.required?.includes(name) === true;
    return [
      inlineCode(name),
      typeText(property),
      required ? '**required**' : value === undefined || value === null ? '' : inlineCode(short(value)),
      escapeProse(comments.get(name) ?? property.description ?? ''),
    ];
  });
}

interface JsonSchema {
  readonly type?: string | readonly string[];
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly anyOf?: readonly JsonSchema[];
  readonly items?: JsonSchema;
  readonly prefixItems?: readonly JsonSchema[];
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly required?: readonly string[];
  readonly default?: unknown;
  readonly description?: string;
  readonly pattern?: string;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly exclusiveMinimum?: number;
  readonly exclusiveMaximum?: number;
}

function typeText(schema: JsonSchema): string {
  if (schema.enum !== undefined) return schema.enum.map((value) => inlineCode(String(value))).join(', ');
  if (schema.const !== undefined) return inlineCode(String(schema.const));
  if (schema.anyOf !== undefined) return schema.anyOf.map(typeText).join(' or ');
  if (schema.prefixItems !== undefined) return `list of ${String(schema.prefixItems.length)}`;
  if (schema.type === 'array') return schema.items === undefined ? 'list' : `list of ${typeText(schema.items)}`;
  if (schema.type === 'integer') return `whole number${range(schema)}`;
  if (schema.type === 'number') return `number${range(schema)}`;
  if (schema.type === 'boolean') return 'yes or no';
  if (schema.type === 'string') return 'text';
  if (schema.type === 'null') return inlineCode('null');
  if (schema.type === 'object')
    return schema.properties === undefined
      ? 'mapping'
      : `mapping of ${Object.keys(schema.properties)
          .map((key) => inlineCode(key))
          .join(', ')}`;
  return '';
}

/** Zod states the largest safe integer as a bound where there is none. */
function range({ minimum, maximum, exclusiveMinimum, exclusiveMaximum }: JsonSchema): string {
  const above =
    minimum !== undefined && minimum > Number.MIN_SAFE_INTEGER
      ? ` from ${String(minimum)}`
      : exclusiveMinimum !== undefined
        ? ` above ${String(exclusiveMinimum)}`
        : '';
  const below =
    maximum !== undefined && maximum < Number.MAX_SAFE_INTEGER
      ? ` to ${String(maximum)}`
      : exclusiveMaximum !== undefined
        ? ` below ${String(exclusiveMaximum)}`
        : '';
  return `${above}${above !== '' && below.startsWith(' below') ? ',' : ''}${below}`;
}

function short(value: unknown): string {
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  return text.length > 60 ? `${text.slice(0, 57)}…` : text;
}
