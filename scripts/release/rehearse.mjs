/**
 * Rehearses a release: publishes every public package from a throw-away copy of this tree to a registry on loopback, installs them in
 * empty folders as strangers would, and uses them there. Nothing in this tree changes, nothing is left behind. Run it with
 * `npx -y pnpm@10 release:rehearse`; `--help` lists the options.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { arch, availableParallelism, cpus, platform, tmpdir, totalmem } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { cleanEnvironment, execute, plainEnvironment } from './clean-client.mjs';
import { installAndCheck, quickstart, quickstartRun, thirdPartyPlugin } from './client-steps.mjs';
import { startLocalRegistry } from './local-registry.mjs';
import { packInto } from './pack-into.mjs';
import { publicPackages } from './public-packages.mjs';
import { megabytes, step, stepTable, stepTableText } from './step-table.mjs';
import { copyTree } from './tree-copy.mjs';

const root = fileURLToPath(new URL('../..', import.meta.url));
const help = `npx -y pnpm@10 release:rehearse [options]

  --small            what fits into every check: packs the files built already, installs the tarballs with pnpm, trains nothing
  --skip-quickstart  publish, install and check, but train nothing
  --steps <n>        quickstart of so many steps instead of the whole one
  --keep-results     write docs/results/release-rehearsal.json
  --keep             leave the folder of the rehearsal in place
`;
const { values: options } = parseArgs({
  options: {
    small: { type: 'boolean', default: false },
    'skip-quickstart': { type: 'boolean', default: false },
    steps: { type: 'string' },
    'keep-results': { type: 'boolean', default: false },
    keep: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});
if (options.help) {
  process.stdout.write(help);
  process.exit(0);
}
if (options.steps !== undefined && !/^[1-9]\d*$/.test(options.steps)) {
  process.stderr.write(`--steps is a whole number from 1, found ${options.steps}\n`);
  process.exit(2);
}

/** How each package manager does what a person asks of it, and the kind of plugin that is made with it. */
const managers = {
  npm: {
    install: ['npm', 'install', 'nlakit'],
    exec: ['npx', '--no-install'],
    create: ['npm', 'create', '--yes', 'nlakit'],
    manager: ['npm'],
    add: ['npm', 'install'],
    plugin: 'evaluator',
  },
  pnpm: {
    install: ['pnpm', 'add', '--reporter', 'append-only', 'nlakit'],
    exec: ['pnpm', 'exec'],
    create: ['pnpm', 'create', 'nlakit'],
    manager: ['pnpm'],
    add: ['pnpm', 'add'],
    plugin: 'quantizer',
  },
};

const started = performance.now();
const place = mkdtempSync(join(tmpdir(), 'nlakit-rehearsal-'));
const stopped = new AbortController();
const { signal } = stopped;
for (const name of ['SIGINT', 'SIGTERM']) process.once(name, () => stopped.abort());

/** Measured on the way, for the results file. */
const figures = { clients: {} };
let registry;
let failed = false;
try {
  await (options.small ? rehearseSmall() : rehearse());
} catch (error) {
  failed = true;
  process.stderr.write(`\n${error.name === 'CommandError' ? error.message : error.stack}\n`);
} finally {
  await registry?.close();
  if (options.keep) process.stderr.write(`\nleft in place: ${place}\n`);
  else rmSync(place, { recursive: true, force: true, maxRetries: 3 });
}
const seconds = (performance.now() - started) / 1000;
process.stdout.write(`\n${stepTableText()}\n${seconds.toFixed(0)} s\n`);
if (options['keep-results'] && !failed) {
  const file = 'docs/results/release-rehearsal.json';
  writeFileSync(join(root, file), `${JSON.stringify(results(), null, 2)}\n`);
  process.stdout.write(`results: ${file}\n`);
}
// The registry's connections to the machine's own would keep the process alive.
process.exit(signal.aborted ? 130 : failed ? 1 : 0);

/** Everything from the tree to a stranger's report. */
async function rehearse() {
  const own = publicPackages(root).map(({ manifest }) => manifest.name);
  const copy = join(place, 'tree');
  const maintainer = maintainerEnvironment();
  await step('copy and install the tree', async () => {
    await copyTree(root, copy, { env: maintainer, signal });
    return `${own.length} public packages`;
  });
  await step('bump versions', async () => {
    await execute(['pnpm', 'exec', 'changeset', 'version'], { cwd: copy, env: maintainer, signal });
    const bumped = publicPackages(copy).map(({ manifest }) => manifest.version);
    return [...new Set(bumped)].map((version) => `${bumped.filter((each) => each === version).length} at ${version}`).join(', ');
  });
  await step('build', async () => {
    const build = ['pnpm', 'exec', 'turbo', 'run', 'build', 'declarations', '--output-logs=errors-only'];
    await execute(build, { cwd: copy, env: maintainer, signal });
    return 'JavaScript and declarations, from nothing';
  });
  const versions = versionsOf(copy);
  await step('start a registry', async () => {
    const uplink = (await execute(['npm', 'config', 'get', 'registry'], { cwd: place, env: maintainer, signal })).trim();
    registry = await startLocalRegistry({ folder: join(place, 'registry'), uplink, own });
    return 'on loopback';
  });
  await step('publish', async () => {
    const npmrc = join(place, 'maintainer/home/.npmrc');
    writeFileSync(npmrc, registry.npmrc);
    const publisher = { ...maintainer, npm_config_userconfig: npmrc, npm_config_registry: registry.url };
    await execute(['pnpm', 'exec', 'changeset', 'publish', '--no-git-tag'], { cwd: copy, env: publisher, signal });
    figures.tarballBytes = 0;
    for (const [name, version] of versions) {
      const published = (await (await fetch(`${registry.url}${name.replace('/', '%2f')}`)).json()).versions?.[version];
      if (published === undefined) throw new Error(`${name} ${version} was not published`);
      figures.tarballBytes += (await (await fetch(published.dist.tarball)).arrayBuffer()).byteLength;
    }
    return `${versions.size} packages, ${megabytes(figures.tarballBytes)} packed`;
  });

  for (const [name, { plugin, ...commands }] of Object.entries(managers)) {
    const npmrc = `registry=${registry.url}\nfund=false\naudit=false\nupdate-notifier=false\n`;
    const env = cleanEnvironment(join(place, name), npmrc);
    const client = { name, ...commands, env, project: join(place, name, 'project'), signal, versions };
    mkdirSync(client.project);
    const measured = await installAndCheck(client);
    figures.clients[name] = measured;
    // The second client shows that the packages are complete; what they do is the same.
    const steps = options.steps ?? (name === 'npm' ? undefined : '2');
    if (!options['skip-quickstart']) measured.quickstart = await quickstart(client, steps === undefined ? undefined : Number(steps));
    measured.plugin = await thirdPartyPlugin(client, plugin, options['skip-quickstart'] ? undefined : quickstartRun);
  }
}

/** Pack, install, look: with the machine's own store and the files that are built already. */
async function rehearseSmall() {
  const env = maintainerEnvironment();
  const project = join(place, 'project');
  mkdirSync(project);
  await step('pack', async () => {
    const bytes = await packInto(root, project, { env, signal });
    return `${publicPackages(root).length} packages, ${megabytes(bytes)}`;
  });
  const install = ['pnpm', 'install', '--ignore-workspace', '--prefer-offline', '--reporter', 'append-only'];
  await installAndCheck({ name: 'pnpm', install, exec: ['pnpm', 'exec'], project, env, signal, versions: versionsOf(root) });
}

/** What a maintainer has: the machine's own home and store. */
function maintainerEnvironment() {
  return { ...plainEnvironment(), PATH: cleanEnvironment(join(place, 'maintainer'), '').PATH };
}

function versionsOf(tree) {
  return new Map(publicPackages(tree).map(({ manifest }) => [manifest.name, manifest.version]));
}

function results() {
  return {
    writtenAt: new Date().toISOString(),
    machine: {
      cpu: cpus()[0]?.model.trim() ?? 'unknown',
      cores: availableParallelism(),
      memoryBytes: totalmem(),
      node: process.version,
      platform: `${platform()} ${arch()}`,
    },
    seconds,
    steps: stepTable,
    ...figures,
  };
}
