/** The config `nla init` writes: the embedded task, which runs anywhere without a download. */
export function configTemplate(name: string, model: string): string {
  return `# One NLA experiment. Check it with \`nla validate\`, run it with \`nla run\`.
schema: 1
name: ${name}
seed: 0
backend: { use: auto }
quantizer: { use: '@nlakit/quantizer-nf4' }
model: { use: '@nlakit/model-gemma4', options: { source: '${model}' } }
injector: { use: '@nlakit/injector-embedding', options: { scale: sqrt_d_model } }
# Activations read in WordNet glosses, with explanations written by rule.
dataset: { use: '@nlakit/dataset-wordnet' }
trainers:
  ar:
    use: '@nlakit/trainer-ar-sft'
    options: { steps: 150, saveEvery: 150 }
  av:
    use: '@nlakit/trainer-av-sft'
    options: { steps: 150, saveEvery: 50 }
evaluators:
  - { id: h5, use: '@nlakit/evaluator-h5', options: { rows: 64 } }
publisher: { use: '@nlakit/publisher-directory', options: { to: ./published } }
`;
}

/** What does not belong under version control. */
export const gitignoreTemplate = `node_modules/
runs/
published/
`;

/** How to go on. */
export function readmeTemplate(name: string): string {
  return `# ${name}

A natural language autoencoder: one language model puts an activation into words, another one reads the words and predicts the
activation. Made with [nlakit](https://www.npmjs.com/package/nlakit).

    npx nlakit validate nla.config.yaml
    npx nlakit run nla.config.yaml
    npx nlakit explain runs/${name} --text "a large evergreen tree"
    npx nlakit publish runs/${name} --to directory --dry-run

Interrupted? The same \`run\` command goes on where it stopped. Results lie in \`runs/${name}/report/\`.
`;
}
