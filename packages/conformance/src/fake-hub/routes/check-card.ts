import { parse } from 'yaml';

const licenses = /^(apache-2\.0|mit|gemma|llama[\d.]*|cc[\w.-]*|bsd[\w.-]*|gpl[\w.-]*|odc-by|openrail|other|unknown)$/;

/** What the Hub refuses in the front matter of a card: each a sentence. */
export function checkCard(text: string): readonly string[] {
  const frontMatter = /^---\r?\n([\s\S]*?)\r?\n---(?:\r?\n|$)/.exec(text)?.[1];
  if (frontMatter === undefined) return [];
  let data: unknown;
  try {
    data = parse(frontMatter);
  } catch (error) {
    return [`Invalid YAML: ${error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error)}`];
  }
  if (typeof data !== 'object' || data === null) return ['Metadata must be a mapping'];
  const { license, license_name, base_model, tags, 'model-index': index } = data as Readonly<Record<string, unknown>>;
  const wrong: string[] = [];
  if (license !== undefined && !(typeof license === 'string' && licenses.test(license))) wrong.push('"license" must be a known identifier');
  if (license === 'other' && typeof license_name !== 'string') wrong.push('"license_name" is required where the license is "other"');
  for (const id of Array.isArray(base_model) ? (base_model as readonly unknown[]) : base_model === undefined ? [] : [base_model]) {
    if (typeof id !== 'string' || !/^[\w.-]+\/[\w.-]+$/.test(id)) wrong.push(`"base_model" with value "${String(id)}" is not valid`);
  }
  if (tags !== undefined && !(Array.isArray(tags) && tags.every((tag) => typeof tag === 'string'))) wrong.push('"tags" must be strings');
  if (index !== undefined) wrong.push(...checkIndex(index));
  return wrong;
}

function checkIndex(index: unknown): readonly string[] {
  const wrong: string[] = [];
  const need = (value: unknown, path: string): void => {
    if (value === undefined || value === null || value === '') wrong.push(`"model-index${path}" is required`);
  };
  const list = (value: unknown): readonly Readonly<Record<string, unknown>>[] =>
    Array.isArray(value) ? (value as readonly Readonly<Record<string, unknown>>[]) : [];
  if (!Array.isArray(index)) return ['"model-index" must be an array'];
  for (const [at, model] of list(index).entries()) {
    need(model['name'], `[${at}].name`);
    for (const [number, result] of list(model['results']).entries()) {
      const place = `[${at}].results[${number}]`;
      const task = result['task'] as Readonly<Record<string, unknown>> | undefined;
      const dataset = result['dataset'] as Readonly<Record<string, unknown>> | undefined;
      const source = result['source'] as Readonly<Record<string, unknown>> | undefined;
      need(task?.['type'], `${place}.task.type`);
      need(dataset?.['type'], `${place}.dataset.type`);
      need(dataset?.['name'], `${place}.dataset.name`);
      if (source !== undefined) need(source['url'], `${place}.source.url`);
      if (list(result['metrics']).length === 0) need(undefined, `${place}.metrics`);
      for (const metric of list(result['metrics'])) {
        need(metric['type'], `${place}.metrics.type`);
        need(metric['value'], `${place}.metrics.value`);
      }
    }
  }
  return wrong;
}
