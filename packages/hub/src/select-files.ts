import { NlaError } from '@nlakit/core';
import { checkRepositoryPath } from './cache-layout.js';
import type { ListedFile } from './listing.js';
import type { RepositoryType } from './repository-id.js';

/** Which files of a repository are wanted. */
export interface Selection {
  readonly type: RepositoryType;
  /** Folder in the repository, with `/`; empty for the top. */
  readonly subfolder: string;
  /** Everything in the folder, at any depth. */
  readonly all: boolean;
  /** Patterns of paths in the repository in place of the usual choice; `*` matches `/` too, as in the Python tools. */
  readonly include: readonly string[] | undefined;
}

const documents = /^(readme(\.md)?|(licen[cs]e|notice|copying|use_policy|usage_policy|terms)([-_.].*)?)$/i;
const modelFiles =
  /^(config\.json|generation_config\.json|model\.safetensors|model-\d+-of-\d+\.safetensors|model\.safetensors\.index\.json|tokenizer\.(json|model)|tokenizer_config\.json|special_tokens_map\.json|added_tokens\.json|vocab\.(json|txt)|merges\.txt|chat_template\.(jinja|json)|additional_chat_templates\/[^/]+\.jinja)$/;
const adapterFiles = /^(adapter_config\.json|adapter_model\.safetensors|nla_meta\.yaml|value_head\.safetensors|linear_head\.pt)$/;
const datasetFiles = /\.(parquet|jsonl|nla_meta\.yaml)$|(^|\/)(nla_meta|dataset_infos?)\.(yaml|json)$/;
const weights = /\.(safetensors|parquet|bin|gguf)$/;

/**
 * The files to fetch, small ones first. Of a model: config, tokenizer, chat template, safetensors with their index. Of an adapter: its
 * config and weights, sidecar, value head. Of a dataset: parquet, JSON lines and sidecars. And documents (README, licence, notice), also
 * of the folders above. Throws `E_HUB_NOTHING`, `E_HUB_PATH`.
 */
export function selectFiles(files: readonly ListedFile[], selection: Selection): readonly ListedFile[] {
  const { type, all, include } = selection;
  const folder = selection.subfolder === '' ? '' : `${selection.subfolder}/`;
  const patterns = include?.map(globExpression);
  const usual = (inside: string): boolean =>
    type === 'dataset' ? datasetFiles.test(inside) : modelFiles.test(inside) || adapterFiles.test(inside);
  const wanted = (path: string): boolean => {
    if (patterns !== undefined) return path.startsWith(folder) && patterns.some((pattern) => pattern.test(path));
    return path.startsWith(folder) && (all || usual(path.slice(folder.length)));
  };
  const isDocument = (path: string): boolean => {
    const slash = path.lastIndexOf('/') + 1;
    return folder.startsWith(path.slice(0, slash)) && documents.test(path.slice(slash));
  };
  const chosen = files.filter(({ path }) => wanted(path));
  if (chosen.length === 0) throw nothingToFetch(files, folder, selection);
  if (patterns === undefined) chosen.push(...files.filter(({ path }) => isDocument(path) && !wanted(path)));
  for (const { path } of chosen) checkRepositoryPath(path);
  const order = ({ path, content }: ListedFile): number => (weights.test(path) ? 2 ** 60 : 0) + content.bytes;
  return chosen.sort((a, b) => order(a) - order(b) || (a.path < b.path ? -1 : 1));
}

/** A subfolder without slashes at its ends. Throws `E_HUB_PATH`. */
export function checkSubfolder(subfolder: string | undefined): string {
  const trimmed = (subfolder ?? '').replace(/^(\.?\/)+|\/+$/g, '');
  return trimmed === '' || trimmed === '.' ? '' : checkRepositoryPath(trimmed);
}

function nothingToFetch(files: readonly ListedFile[], folder: string, { type, include }: Selection): NlaError {
  const adapters = files.flatMap(({ path }) => (path.endsWith('/adapter_config.json') ? [path.slice(0, path.lastIndexOf('/'))] : []));
  const where = folder === '' ? 'at the top' : `in the folder ${folder.slice(0, -1)}`;
  const wanted =
    include !== undefined ? `files that match ${include.join(', ')}` : type === 'dataset' ? 'parquet files' : 'a model or an adapter';
  return new NlaError('E_HUB_NOTHING', {
    message: 'The repository has nothing that was asked for.',
    found: `${files.length} files${adapters.length === 0 ? '' : `, and adapters in ${shorten(adapters)}`}`,
    expected: `${wanted} ${where}`,
    fix:
      adapters.length === 0
        ? 'Name other files with --include, or take --all.'
        : `Name one of the folders: --subfolder ${adapters.at(-1) ?? ''}`,
    kind: 'input',
  });
}

function shorten(names: readonly string[]): string {
  return names.length <= 6 ? names.join(', ') : `${names.slice(0, 5).join(', ')} and ${names.length - 5} more`;
}

/** A pattern as Python's fnmatch reads it, without character classes; one that ends in `/` means everything below. */
function globExpression(pattern: string): RegExp {
  const whole = pattern.endsWith('/') ? `${pattern}*` : pattern;
  const source = whole
    .replace(/[.+^${}()|[\]\\]/g, '\\$&')
    .replace(/\*+/g, '.*')
    .replace(/\?/g, '.');
  return new RegExp(`^${source}$`, 's');
}
