/** The bundled model: the default of `nla init`. */
export const bundledModel = '@nlakit/tiny-gemma4';

/**
 * The config `nla init` writes: the embedded task, which runs anywhere without a download. For the bundled model it carries the settings
 * of the quickstart; another model gets the trainers' defaults, because what suits it is not known.
 */
export function configTemplate(name: string, model: string): string {
  const bundled = model === bundledModel;
  return `# One NLA experiment. Check it with \`nla validate\`, run it with \`nla run\`.
schema: 1
name: ${name}
seed: 0
backend: { use: auto }
quantizer: { use: '@nlakit/quantizer-nf4', options: { blockSize: 64, doubleQuant: true } }
# The layer whose output is explained is two thirds up the model unless you add layer: <number>.
model: { use: '@nlakit/model-gemma4', options: { source: ${JSON.stringify(model)} } }
injector: { use: '@nlakit/injector-embedding', options: { scale: sqrt_d_model, perLayerIds: marker } }
# Activations read in WordNet glosses, with explanations written by rule.
dataset: { use: '@nlakit/dataset-wordnet', options: { rowsPerTopic: 200, heldOutPerTopic: 20 } }
trainers:
  # The AR reads an explanation and predicts the activation.
  ar:
    use: '@nlakit/trainer-ar-sft'
    options: { steps: 150, saveEvery: 150${bundled ? quickRecipe('6.0e-3') : ''} }
  # The AV is given the activation and writes the explanation; a checkpoint every \`saveEvery\` steps makes the trajectory.
${
  bundled
    ? `  # The vectors are injected at the norm of the model's own embeddings, a few times shorter than where they are read. That is one
  # of the guard's two conditions, so it asks to be acknowledged.
`
    : ''
}  av:
    use: '@nlakit/trainer-av-sft'
    options: { steps: 150, saveEvery: 50${bundled ? `${quickRecipe('8.0e-3')}, acknowledgeGuard: true` : ''} }
evaluators:
  - { id: h5, use: '@nlakit/evaluator-h5', options: { rows: 96 } }
publisher: { use: '@nlakit/publisher-directory', options: { to: ./published } }
`;
}

function quickRecipe(learningRate: string): string {
  return `, rank: 16, alpha: 32, learningRate: ${learningRate}, schedule: cosine, warmup: 20, microBatch: 16, accumulate: 1`;
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
