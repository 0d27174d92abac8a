// What the benchmarks found, judged against the targets, as data and as a page.

/**
 * What a measured row comes to beside its targets; nothing for a target that needs a Python where there was none.
 *
 * @param {import('./rows.mjs').Row} row
 * @param {object} measured a row of `nla bench --json`
 */
export function judge({ targets }, measured) {
  return targets.flatMap(({ what, of, limit, least }) => {
    const value = of(measured);
    // Without Python there is no ratio to judge.
    if (!Number.isFinite(value)) return [];
    const target = limit === undefined ? `at least ${least}` : `at most ${limit}`;
    return [{ what, measured: value, target, met: limit === undefined ? value >= least : value <= limit }];
  });
}

/** The page of `docs/results/benchmarks.md`. */
export function markdown({ writtenAt, machine, peer, quick, rows }) {
  const python =
    peer === undefined
      ? 'without Python'
      : `Python ${peer.python}, ${Object.entries(peer.versions)
          .map((pair) => pair.join(' '))
          .join(', ')}`;
  const gib = (bytes) => (bytes === undefined ? '' : `${(bytes / 2 ** 30).toFixed(2)} GiB`);
  const seconds = (value) => (value === undefined ? '' : `${value < 100 ? value.toPrecision(3) : value.toFixed(0)} s`);
  const range = ({ median, min, max }) => `${seconds(median)} (${seconds(min)} to ${seconds(max)})`;
  const measured = rows.flatMap((row) => (row.rows ?? []).map((one) => ({ ...row, ...one })));
  const besideStock = measured.filter(({ stock }) => stock !== undefined);
  const besidePython = measured.filter(({ stock }) => stock === undefined);
  const targets = rows.flatMap(({ id, status, targets = [] }) => targets.map((target) => ({ id, status, ...target })));
  const failed = rows.filter(({ status }) => status !== 'done');
  return [
    '# Benchmarks',
    '',
    'Ours and the Python stack on the same work, in turn in the same run, each row in a process of its own. Written by `npx -y pnpm@10 benchmarks`.',
    ...(quick ? ['', '**A rehearsal (`--quick`): one short repeat of each; no figure here means anything.**'] : []),
    '',
    `${machine.cpu}, ${machine.cores} cores, ${gib(machine.memoryBytes)}; ${machine.multipliesBf16 ? 'with' : 'without'} products in bf16; Node ${machine.node}, ${machine.platform}; ${python}; ${writtenAt.slice(0, 10)}.`,
    '',
    ...table(
      ['target', 'what', 'measured', 'target', 'met'],
      targets.map(({ id, what, measured: value, target, met }) => [id, what, value.toPrecision(3), target, met ? 'yes' : '**no**']),
    ),
    '',
    '## What was measured',
    '',
    ...table(
      ['row', 'what', 'ours (min to max)', 'peak', 'Python (min to max)', 'peak', 'threads', 'ours / Python', 'roof', 'reached'],
      besidePython.map(({ id, what, seconds: ours, peakBytes, peer: theirs, ratio, roof }) => [
        id,
        what,
        range(ours),
        gib(peakBytes),
        theirs === undefined ? '' : range(theirs.seconds),
        gib(theirs?.peakBytes),
        theirs === undefined ? '' : `${theirs.threads}`,
        ratio === undefined ? '' : `${ratio.toPrecision(3)}`,
        roof === undefined ? '' : `${(roof.operationsPerSecond / 1e9).toFixed(0)} GFLOP/s (${roof.kind})`,
        roof === undefined ? '' : `${(100 * roof.share).toFixed(0)} %`,
      ]),
    ),
    ...(besideStock.length === 0
      ? []
      : [
          '',
          '## Beside the shipped kernels',
          '',
          'The same engine with the kernels that the library under it ships, in a process of its own. Both compute the same losses and tokens, but for rounding.',
          '',
          ...table(
            ['row', 'what', 'ours (min to max)', 'peak', 'shipped (min to max)', 'peak', 'ours / shipped', 'difference'],
            besideStock.map(({ id, what, seconds: ours, peakBytes, stock }) => [
              id,
              what,
              range(ours),
              gib(peakBytes),
              range(stock.seconds),
              gib(stock.peakBytes),
              stock.ratio.toPrecision(3),
              stock.difference.toPrecision(2),
            ]),
          ),
        ]),
    ...(failed.length === 0
      ? []
      : [
          '',
          '## Not measured',
          '',
          ...table(
            ['row', 'why'],
            failed.map(({ id, reason }) => [id, reason]),
          ),
        ]),
    ...measured.flatMap(({ id, profile }) =>
      profile === undefined ? [] : ['', `## Where the time of ${id} goes`, '', ...profileTable(profile)],
    ),
    '',
  ].join('\n');
}

function profileTable(profile) {
  const whole = profile.reduce((sum, { milliseconds }) => sum + milliseconds, 0);
  return table(
    ['kernel', 'calls', 'seconds', 'share'],
    profile
      .slice(0, 12)
      .map(({ name, calls, milliseconds }) => [
        name,
        `${calls}`,
        (milliseconds / 1000).toPrecision(3),
        `${((100 * milliseconds) / whole).toFixed(1)} %`,
      ]),
  );
}

function table(header, lines) {
  const cells = (line) => `| ${line.map((cell) => cell.replaceAll('|', '\\|').replaceAll('\n', ' ')).join(' | ')} |`;
  return [cells(header), cells(header.map(() => '---')), ...lines.map(cells)];
}
