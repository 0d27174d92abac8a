import { execFile } from 'node:child_process';
import { mkdtemp, readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { startFakeHub } from '@nlakit/conformance/fake-hub';
import { describe, expect, it, onTestFinished } from 'vitest';
import { releaseOf, token, trajectoryFiles, workplaceOf } from './testing/workplace.js';

const run = promisify(execFile);
const python = process.env['NLAKIT_PYTHON'] ?? 'python3';

async function requirePython(module: string, skip: (note?: string) => void): Promise<void> {
  const found = await run(python, ['-c', `import ${module}`]).catch(() => undefined);
  if (found === undefined) skip(`${python} has no ${module}; name a Python that has it in NLAKIT_PYTHON`);
}

/** Runs Python code that leaves its answer in `result`, with the fake hub and a cache of its own. */
async function inPython(code: string, hubUrl: string): Promise<unknown> {
  const { stdout } = await run(python, ['-W', 'ignore', '-c', `import json\n${code}\nprint(json.dumps(result))`], {
    env: {
      PATH: process.env['PATH'],
      HF_HOME: await mkdtemp(join(tmpdir(), 'nla-hf-')),
      HF_ENDPOINT: hubUrl,
      HF_TOKEN: token,
      HF_HUB_DISABLE_TELEMETRY: '1',
      HF_HUB_DISABLE_PROGRESS_BARS: '1',
      HF_HUB_DISABLE_UPDATE_CHECK: '1',
      HF_HUB_DISABLE_XET: '1',
      NO_PROXY: '127.0.0.1',
    },
  });
  return JSON.parse(stdout.trim().split('\n').at(-1) ?? '') as unknown;
}

describe('what is published, in Python', () => {
  it('comes down whole with huggingface_hub, by tag, and its card is read', { tags: ['python'] }, async ({ skip }) => {
    await requirePython('huggingface_hub', skip);
    const hub = await startFakeHub({ tokens: { [token]: { user: 'owner' } } });
    onTestFinished(() => hub.stop());
    const files = trajectoryFiles();
    await workplaceOf(hub).publish(await releaseOf(files), { private: true });
    const folder = String(
      await inPython(`import huggingface_hub as h\nresult = h.snapshot_download('owner/nla', revision='latest')`, hub.url),
    );
    for (const [path, content] of Object.entries(files)) expect(await readFile(join(folder, path))).toEqual(Buffer.from(content));
    const step = String(
      await inPython(`import huggingface_hub as h\nresult = h.snapshot_download('owner/nla', revision='step-000050')`, hub.url),
    );
    await expect(readFile(join(step, 'trajectory/step_000100/nla_meta.yaml'))).rejects.toThrow();
    const read = `import huggingface_hub as h\nc = h.ModelCard.load('owner/nla').data\nresult = [c.license, c.base_model, c.library_name, [t.name for t in h.HfApi().list_repo_refs('owner/nla').tags]]`;
    expect(await inPython(read, hub.url)).toEqual(['apache-2.0', 'google/base', 'peft', ['step-000050', 'step-000100', 'latest']]);
  });

  it('is loaded by PEFT from its subfolder', { tags: ['python'] }, async ({ skip }) => {
    await requirePython('peft', skip);
    const hub = await startFakeHub({ tokens: { [token]: { user: 'owner' } } });
    onTestFinished(() => hub.stop());
    await workplaceOf(hub).publish(await releaseOf(trajectoryFiles()));
    const load = `from peft import PeftConfig\nc = PeftConfig.from_pretrained('owner/nla', subfolder='trajectory/step_000100')\nresult = [c.base_model_name_or_path, c.r, str(c.task_type)]`;
    expect(await inPython(load, hub.url)).toEqual(['google/base', 2, expect.stringContaining('CAUSAL_LM')]);
  });

  it('takes uploads of huggingface_hub itself: the fake hub is no private dialect', { tags: ['python'] }, async ({ skip }) => {
    await requirePython('huggingface_hub', skip);
    const hub = await startFakeHub({ tokens: { [token]: { user: 'owner' } }, partBytes: 1024 });
    onTestFinished(() => hub.stop());
    const upload = [
      'import huggingface_hub as h, os, tempfile',
      'd = tempfile.mkdtemp()',
      "open(os.path.join(d, 'README.md'), 'w').write('---\\nlicense: mit\\n---\\n')",
      "open(os.path.join(d, 'a.safetensors'), 'wb').write(bytes(5000))",
      "open(os.path.join(d, 'b.safetensors'), 'wb').write(bytes(500))",
      'api = h.HfApi()',
      "api.create_repo('owner/other', private=True)",
      "api.create_repo('owner/other', exist_ok=True)",
      "api.upload_folder(repo_id='owner/other', folder_path=d)",
      "api.create_tag('owner/other', tag='v1')",
      "api.create_branch('owner/other', branch='dev')",
      "r = api.list_repo_refs('owner/other')",
      "result = [api.whoami()['name'], [t.name for t in r.tags], [b.name for b in r.branches]]",
    ].join('\n');
    expect(await inPython(upload, hub.url)).toEqual(['owner', ['v1'], ['main', 'dev']]);
    const head = hub.repository('owner/other').resolve('main');
    expect([...(head?.files.keys() ?? [])].sort()).toEqual(['.gitattributes', 'README.md', 'a.safetensors', 'b.safetensors']);
    expect(head?.files.get('a.safetensors')?.content.length).toBe(5000);
  });
});
