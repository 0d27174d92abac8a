import { resolve } from 'node:path';
import { applyOverrides, machineFacts } from '@nlakit/run';
import { atomicWriteFile } from '@nlakit/safetensors';
import { alignColumns } from '../align-columns.js';
import { baselineNames, type BaselineName, type BenchRow, type BenchSetting } from '../bench/bench-case.js';
import { createAsker } from '../bench/asker.js';
import { benchCases } from '../bench/bench-cases.js';
import { openPeerPython, type PeerPython } from '../bench/peer-python.js';
import { backendsWithStock } from '../bench/stock-engine.js';
import { overridesOf, usage, wholeNumber, type CommandContext } from '../command-context.js';
import { formatBytes } from '../format-bytes.js';

/** Times each thing is measured, and before that without counting. */
const usual = { repeats: 5, warmup: 1 };

interface BenchOptions {
  readonly length?: string;
  readonly model?: string;
  readonly repeats?: string;
  readonly warmup?: string;
  readonly only?: string;
  readonly peer?: string;
  readonly peerDtype?: 'bf16' | 'f32';
  readonly baseline?: readonly string[];
  readonly inTurn?: boolean;
  readonly profile?: boolean;
  readonly keepActivations?: boolean;
  readonly out?: string;
}

/** `nla bench`: one case, or all that need no name; with `--peer` beside a Python, with `--baseline stock` beside the shipped kernels. */
export async function bench(context: CommandContext, options: BenchOptions, name = ''): Promise<undefined> {
  const { io, log } = context;
  const chosen =
    name === '' ? [...benchCases].filter(([, entry]) => entry.onlyByName !== true) : [...benchCases].filter(([key]) => key === name);
  if (chosen.length === 0) throw usage('The case', name, [...benchCases.keys()].join(', '));
  const length = options.length === undefined ? undefined : wholeNumber(options.length, '--length', 8);
  const common = {
    context,
    ...chosenBackend(context),
    peerDtype: options.peerDtype ?? 'bf16',
    baselines: (options.baseline ?? []).map(baselineOf),
    profiled: options.profile === true,
    keepActivations: options.keepActivations === true,
    ...(length === undefined ? {} : { length }),
    ...(options.model === undefined ? {} : { model: options.model }),
    ...(options.only === undefined ? {} : { only: options.only }),
  } as const;
  const repeats = options.repeats === undefined ? undefined : wholeNumber(options.repeats, '--repeats');
  const warmup = options.warmup === undefined ? undefined : wholeNumber(options.warmup, '--warmup', 0);
  if (common.baselines.includes('stock')) requireStock(common.backend, chosen);
  const peer = await peerOf(context, options.peer, chosen);

  const rows: BenchRow[] = [];
  for (const [done, [key, entry]] of chosen.entries()) {
    log.progress({ task: `bench ${key}`, done, total: chosen.length, unit: 'cases' });
    const { run } = await entry.load();
    const times = { repeats: repeats ?? entry.repeats ?? usual.repeats, warmup: warmup ?? entry.warmup ?? usual.warmup };
    const setting: BenchSetting = {
      ...common,
      ...times,
      ...(options.inTurn === true ? { asker: createAsker(process.stdin, io.out, times.warmup + times.repeats) } : {}),
      ...(peer === undefined || entry.peerPackages === undefined ? {} : { peer }),
    };
    rows.push(...(await run(setting)));
  }
  if (rows.length === 0) throw usage('--only', options.only ?? '', 'a part of what `nla bench` shows in the column "what"');
  const result = {
    rows,
    machine: machineFacts(),
    ...(peer === undefined ? {} : { peer: { python: peer.python, versions: peer.versions } }),
  };
  if (options.out !== undefined) {
    const recorded = { writtenAt: new Date().toISOString(), ...result };
    await atomicWriteFile(resolve(io.cwd, options.out), `${JSON.stringify(recorded, null, 2)}\n`);
  }
  context.print(result, () => [table(rows), ...rows.flatMap(profileLines)].join('\n'));
  return undefined;
}

/** The backend of `--backend`, or the bundled one, with the options that `--set backend.options.…` gives it. */
function chosenBackend(context: CommandContext): Pick<BenchSetting, 'backend' | 'backendOptions'> {
  const { common, host } = context;
  const backend = common.backend === undefined || common.backend === 'auto' ? (host.backends?.[0] ?? 'auto') : common.backend;
  const overrides = overridesOf(context).filter(({ path }) => path !== 'backend.use');
  const strange = overrides.find(({ path }) => !path.startsWith('backend.options.'));
  if (strange !== undefined) throw usage('--set', strange.path, 'backend.options.<name>=<value>: a benchmark has no other config');
  if (overrides.length === 0) return { backend };
  const { backend: slot } = applyOverrides({ backend: { options: {} } }, overrides) as { backend: { options: Record<string, unknown> } };
  return { backend, backendOptions: slot.options };
}

function baselineOf(name: string): BaselineName {
  const known = baselineNames.find((one) => one === name);
  if (known === undefined) throw usage('--baseline', name, baselineNames.join(', '));
  return known;
}

function requireStock(backend: string, chosen: readonly (readonly [string, { readonly stock?: true }])[]): void {
  if (!backendsWithStock.includes(backend)) throw usage('--baseline stock', `--backend ${backend}`, backendsWithStock.join(', '));
  if (chosen.some(([, { stock }]) => stock)) return;
  const cases = [...benchCases].flatMap(([key, { stock }]) => (stock ? [key] : []));
  throw usage('--baseline stock', chosen.map(([key]) => key).join(', '), cases.join(', '));
}

async function peerOf(
  { io, log }: CommandContext,
  command: string | undefined,
  chosen: readonly (readonly [string, { readonly peerPackages?: readonly string[] }])[],
): Promise<PeerPython | undefined> {
  if (command === undefined) return undefined;
  const compared = chosen.filter(([, { peerPackages }]) => peerPackages !== undefined);
  if (compared.length === 0) throw usage('--peer', command, 'a case that Python can be measured in');
  const packages = new Set(compared.flatMap(([, { peerPackages = [] }]) => peerPackages));
  const peer = await openPeerPython(command, [...packages], { cwd: io.cwd, signal: io.signal });
  const versions = Object.entries(peer.versions).map(([library, version]) => `${library} ${version}`);
  log.info(`measured beside Python ${peer.python}, ${versions.join(', ')}`);
  return peer;
}

function table(rows: readonly BenchRow[]): string {
  const compared = rows.some(({ peer }) => peer !== undefined);
  const roofed = rows.some(({ roof }) => roof !== undefined);
  const stocked = rows.some(({ stock }) => stock !== undefined);
  const header = ['case', 'what', 'backend', 'median', 'min', 'max', 'processor', 'rate', 'peak'];
  return alignColumns(
    [
      [
        ...header,
        ...(roofed ? ['roof', 'reached'] : []),
        ...(stocked ? ['stock', 'stock peak', 'ratio to stock'] : []),
        ...(compared ? ['Python', 'Python peak', 'ratio'] : []),
      ],
      ...rows.map(({ case: name, what, backend, seconds, cpuSeconds, rate, rateUnit, peakBytes, roof, stock, peer, ratio }) => [
        name,
        what,
        backend,
        ...[seconds.median, seconds.min, seconds.max].map(formatSeconds),
        cpuSeconds === undefined ? '' : formatSeconds(cpuSeconds),
        rate === undefined ? '' : `${shorten(rate)} ${rateUnit ?? ''}`,
        formatBytes(peakBytes),
        ...(!roofed
          ? []
          : roof === undefined
            ? ['', '']
            : [`${shorten(roof.operationsPerSecond)}FLOP/s`, `${(100 * roof.share).toFixed(0)} %`]),
        ...(!stocked
          ? []
          : stock === undefined
            ? ['', '', '']
            : [formatSeconds(stock.seconds.median), formatBytes(stock.peakBytes), `${stock.ratio.toPrecision(3)}x`]),
        ...(peer === undefined ? [] : [formatSeconds(peer.seconds.median), formatBytes(peer.peakBytes)]),
        ...(ratio === undefined ? [] : [`${ratio.toPrecision(3)}x`]),
      ]),
    ],
    3,
  );
}

/** The ten kernels that take longest, and how much of the time they are. */
function profileLines({ what, profile }: BenchRow): string[] {
  if (profile === undefined) return [];
  const whole = profile.reduce((sum, { milliseconds }) => sum + milliseconds, 0);
  const lines = profile
    .slice(0, 10)
    .map(({ name, calls, milliseconds }) => [
      `${((100 * milliseconds) / whole).toFixed(1)} %`,
      formatSeconds(milliseconds / 1000),
      `${calls} calls`,
      name,
    ]);
  return ['', `Kernels of one run of ${what}:`, alignColumns(lines, 0)];
}

function formatSeconds(value: number): string {
  return `${value < 100 ? value.toPrecision(3) : value.toFixed(0)} s`;
}

/** `214 M` */
function shorten(value: number): string {
  const step = [1e9, 1e6, 1e3, 1].find((unit) => value >= unit) ?? 1;
  return `${(value / step).toPrecision(3)}${{ 1e9: ' G', 1e6: ' M', 1e3: ' k' }[step] ?? ''}`;
}
