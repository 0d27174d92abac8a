// What somebody does with the published packages who has a package manager and nothing of this repository.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { execute } from './clean-client.mjs';
import { bytesOf, importEverything, installedPackages, problemsOf } from './installed-packages.mjs';
import { megabytes, step } from './step-table.mjs';

/**
 * @typedef {object} Client
 * @property {string} name shown in the table
 * @property {readonly string[]} install the command that installs `nlakit`
 * @property {readonly string[]} exec what comes before the name of an installed command
 * @property {string} project an empty folder
 * @property {NodeJS.ProcessEnv} env
 * @property {AbortSignal} signal
 * @property {ReadonlyMap<string, string>} versions every published package with its version
 */

/** Installs `nlakit`, looks at what came, and uses what needs no training. Returns what was measured. @param {Client} client */
export async function installAndCheck(client) {
  const { name, install, project, env, signal, versions } = client;
  const own = new Set(versions.keys());
  const measured = {};
  await step(`${name}: install nlakit`, async () => {
    let notices = '';
    const started = performance.now();
    const out = await execute(install, { cwd: project, env, signal, onError: (text) => (notices += text) });
    measured.installSeconds = (performance.now() - started) / 1000;
    const peers = `${out}\n${notices}`.split('\n').filter((line) => /\bpeer\b/i.test(line));
    if (peers.length > 0) throw new Error(`warnings about peer dependencies: ${peers.join('; ')}`);
    const packages = installedPackages(project);
    const problems = problemsOf(packages, own);
    if (problems.length > 0) throw new Error(problems.join('\n'));
    measured.packages = packages.length;
    measured.bytes = packages.reduce((sum, { folder }) => sum + bytesOf(folder), 0);
    return `${packages.length} packages, ${megabytes(measured.bytes)}, one tfjs-core, no complaint about peers`;
  });
  await step(`${name}: import every entry`, async () => {
    writeFileSync(join(project, 'import-everything.mjs'), importEverything(installedPackages(project), own));
    return `${(await execute([process.execPath, 'import-everything.mjs'], { cwd: project, env, signal })).trim()} entries`;
  });
  await step(`${name}: nla --version, plugins, init, validate`, async () => {
    const version = (await nla(client, '--version')).trim();
    if (version !== versions.get('nlakit')) throw new Error(`nla --version says ${version}, published is ${versions.get('nlakit')}`);
    const { plugins } = JSON.parse(await nla(client, 'plugins', '--json'));
    for (const plugin of plugins) {
      if (plugin.problem !== undefined) throw new Error(`${plugin.use}: ${plugin.problem}`);
      const expected = versions.get(plugin.use.replace(/#.*$/, ''));
      if (plugin.version !== expected) throw new Error(`${plugin.use} says version ${plugin.version}, published is ${expected}`);
    }
    await nla(client, 'init', 'experiment', '--name', 'experiment');
    const { ok, issues } = JSON.parse(await nla(client, 'validate', 'experiment/nla.config.yaml', '--json'));
    if (!ok) throw new Error(JSON.stringify(issues));
    return `${version}, ${plugins.length} plugins`;
  });
  return measured;
}

/** Runs `nlakit quickstart`, whole or for so many steps. Returns what was measured. @param {Client} client @param {number} [steps] */
export async function quickstart(client, steps) {
  const measured = { steps: steps ?? null };
  await step(`${client.name}: nlakit quickstart${steps === undefined ? '' : `, ${steps} steps`}`, async () => {
    const started = performance.now();
    const outcome = JSON.parse(await nla(client, 'quickstart', '--json', ...(steps === undefined ? [] : ['--steps', String(steps)])));
    measured.seconds = (performance.now() - started) / 1000;
    const { headline } = outcome.evaluations.at(-1);
    measured.headline = headline;
    if (steps === undefined && !(headline.low > 0)) throw new Error(`AV_OUT − SHUFFLED is ${headline.difference}, low ${headline.low}`);
    const report = readFileSync(
      outcome.report.find((file) => file.endsWith('index.html')),
      'utf8',
    );
    if (!report.includes('AV_OUT')) throw new Error('the report does not show the evaluation');
    const interval = `[${headline.low.toFixed(3)}, ${headline.high.toFixed(3)}]`;
    return `AV_OUT − SHUFFLED ${headline.difference.toFixed(3)} ${interval}, ${outcome.files} files published`;
  });
  return measured;
}

function nla({ exec, project, env, signal }, ...commandArguments) {
  return execute([...exec, 'nlakit', ...commandArguments], { cwd: project, env, signal });
}
