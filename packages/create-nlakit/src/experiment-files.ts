import { templateFiles, type ProjectFiles } from './template-file.js';

/** The bundled model: the default of new experiments. */
export const bundledModel = '@nlakit/tiny-gemma4';

/**
 * A new experiment as `nla init` writes it: config, `.gitignore`, README. It is the embedded task, which runs anywhere without a download.
 * For the bundled model it carries the settings of the quickstart; another model gets the trainers' defaults, because what suits it is not
 * known.
 */
export async function experimentFiles(name: string, model: string): Promise<ProjectFiles> {
  const bundled = model === bundledModel;
  return await templateFiles('experiment', {
    name,
    model: JSON.stringify(model),
    arRecipe: bundled ? quickRecipe('6.0e-3') : '',
    avRecipe: bundled ? `${quickRecipe('8.0e-3')}, acknowledgeGuard: true` : '',
    avNote: bundled
      ? `  # The vectors are injected at the norm of the model's own embeddings, a few times shorter than where they are read. That is one
  # of the guard's two conditions, so it asks to be acknowledged.
`
      : '',
  });
}

/** The same as a package of its own, which installs the command line. */
export async function experimentProject(name: string, model: string): Promise<ProjectFiles> {
  const manifest = {
    name: name.toLowerCase(),
    private: true,
    type: 'module',
    scripts: { test: 'nla validate nla.config.yaml', start: 'nla run nla.config.yaml' },
    // The command line depends on this package, so its version is not known here.
    dependencies: { nlakit: 'latest' },
  };
  return { 'package.json': `${JSON.stringify(manifest, null, 2)}\n`, ...(await experimentFiles(name, model)) };
}

function quickRecipe(learningRate: string): string {
  return `, rank: 16, alpha: 32, learningRate: ${learningRate}, schedule: cosine, warmup: 20, microBatch: 16, accumulate: 1`;
}
