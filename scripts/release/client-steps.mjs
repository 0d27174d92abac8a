// What somebody does with the published packages who has a package manager and nothing of this repository.
import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { execute } from './clean-client.mjs';
import { bytesOf, importEverything, installedPackages, problemsOf } from './installed-packages.mjs';
import { megabytes, step } from './step-table.mjs';

/**
 * @typedef {object} Client
 * @property {string} name shown in the table
 * @property {readonly string[]} install the command that installs `nlakit`
 * @property {readonly string[]} exec what comes before the name of an installed command
 * @property {readonly string[]} create the command that runs `create-nlakit` from the registry
 * @property {readonly string[]} manager the package manager, for `install`, `test`, `run build` and `pack`
 * @property {readonly string[]} add the command that installs a tarball
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

/** Folder of the run that {@link quickstart} makes. */
export const quickstartRun = 'quickstart/runs/quickstart';

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

/**
 * Makes a plugin project with `create-nlakit`, tests and builds it against what was published, packs it, installs it beside `nlakit`, and uses it:
 * an evaluator measures the run of the quickstart, where there is one. Returns what was measured.
 *
 * @param {Client} client
 * @param {'evaluator' | 'quantizer'} kind
 * @param {string} [run] folder of a finished run
 */
export async function thirdPartyPlugin(client, kind, run) {
  const { name, create, manager, add, project, env, signal, versions } = client;
  const place = dirname(project);
  const folder = join(place, 'plugin');
  const plugin = 'nla-rehearsed';
  const measured = { kind };
  await step(`${name}: a plugin (${kind}) made by create-nlakit`, async () => {
    await execute([...create, 'plugin', ...(name === 'npm' ? ['--'] : []), '--plugin', kind, '--name', plugin], {
      cwd: place,
      env,
      signal,
    });
    const inside = { cwd: folder, env, signal };
    const { dependencies, devDependencies, peerDependencies } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
    const loose = Object.entries({ ...dependencies, ...devDependencies, ...peerDependencies }).filter(
      ([, range]) => !/^[~^]\d/.test(range),
    );
    if (loose.length > 0) throw new Error(`not held to the versions it was made with: ${loose.map((pair) => pair.join(' ')).join(', ')}`);
    await execute([...manager, 'install'], inside);
    const problems = problemsOf(installedPackages(folder), new Set(versions.keys()));
    if (problems.length > 0) throw new Error(problems.join('\n'));
    await execute([...manager, 'test'], inside);
    await execute([...manager, 'run', 'typecheck'], inside);
    await execute([...manager, 'run', 'build'], inside);
    await execute([...manager, 'pack'], inside);
    const { ok, level, passed, skipped } = JSON.parse(readFileSync(join(folder, 'conformance.json'), 'utf8'));
    if (!ok) throw new Error('the conformance suite fails');
    Object.assign(measured, { level, passed, skipped });
    return `tested, typechecked, built and packed; conformance level ${level}, ${passed} cases passed, ${skipped} skipped`;
  });
  await step(`${name}: that plugin beside nlakit`, async () => {
    const tarball = readdirSync(folder).find((file) => file.endsWith('.tgz'));
    await execute([...add, join(folder, tarball)], { cwd: project, env, signal });
    const problems = problemsOf(installedPackages(project), new Set(versions.keys()));
    if (problems.length > 0) throw new Error(problems.join('\n'));
    const slot = kind === 'evaluator' ? 'evaluators.h5' : kind;
    const set = ['--set', `${slot}.use=${plugin}`, '--set', `${slot}.options={}`];
    const { ok, issues } = JSON.parse(await nla(client, 'validate', 'experiment/nla.config.yaml', ...set, '--json'));
    if (!ok) throw new Error(JSON.stringify(issues));
    if (kind !== 'evaluator' || run === undefined) return 'one tfjs-core still, accepted by nla validate';
    const result = JSON.parse(await nla(client, 'eval', run, '--evaluator', `${plugin}#plugin`, '--rows', '12', '--json'));
    // One step is printed as it is, several as a list.
    const { headline } = result.evaluations?.at(-1) ?? result;
    measured.headline = headline;
    return `one tfjs-core still, measured the run of the quickstart: f1 ${headline.f1.toFixed(3)}`;
  });
  return measured;
}

function nla({ exec, project, env, signal }, ...commandArguments) {
  return execute([...exec, 'nlakit', ...commandArguments], { cwd: project, env, signal });
}
