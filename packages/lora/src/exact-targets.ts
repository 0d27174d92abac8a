/**
 * A regular expression for `LoraSpec.targets` that matches the given module paths and no other, whatever else the model has. What an
 * adapter was configured with may match more than it adapts (blocks behind the last one that is computed, linears of other towers), and
 * PEFT would then expect tensors that are not in the file. Paths in numbered layers are folded:
 * `model\.layers\.(?:0|1)\.(?:mlp\.up_proj|self_attn\.q_proj)`. Uses only syntax common to Python and JavaScript.
 */
export function exactTargets(paths: Iterable<string>): string {
  const literal: string[] = [];
  // Prefix, then layer number, then the layer's linears.
  const layered = new Map<string, Map<string, string[]>>();
  for (const path of [...new Set(paths)].sort()) {
    const match = /^((?:.*\.)?layers\.)(\d+)\.(.+)$/.exec(path);
    const [, prefix, layer, linear] = match ?? [];
    if (prefix === undefined || layer === undefined || linear === undefined) {
      literal.push(escaped(path));
      continue;
    }
    const layers = layered.get(prefix) ?? new Map<string, string[]>();
    layered.set(prefix, layers);
    layers.set(layer, [...(layers.get(layer) ?? []), escaped(linear)]);
  }
  for (const [prefix, layers] of layered) {
    const alike = new Map<string, string[]>();
    for (const [layer, linears] of [...layers].sort(([one], [other]) => Number(one) - Number(other))) {
      const names = oneOf(linears);
      alike.set(names, [...(alike.get(names) ?? []), layer]);
    }
    for (const [names, numbers] of alike) literal.push(`${escaped(prefix)}${oneOf(numbers)}\\.${names}`);
  }
  return literal.join('|');
}

function oneOf(alternatives: readonly string[]): string {
  return alternatives.length === 1 ? (alternatives[0] ?? '') : `(?:${alternatives.join('|')})`;
}

function escaped(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&');
}
