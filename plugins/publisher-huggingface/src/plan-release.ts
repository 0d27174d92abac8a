import { NlaError, type PublishPlan, type Release } from '@nlakit/core';
import { HubFailure, pageOf, requestOnce, withRetries, type ListedFile } from '@nlakit/hub';
import { checkRelease } from '@nlakit/run';
import { identify, isListed, type IdentifiedFile } from './content-ids.js';
import { openSession, type HubSession } from './hub-session.js';
import { requirePrivate } from './open-revision.js';
import type { HuggingFaceOptions } from './options.js';
import { prepareRelease } from './prepare-release.js';

/** See {@link huggingFacePublisher}. Changes nothing on the Hub. */
export async function planRelease(release: Release, options: HuggingFaceOptions): Promise<PublishPlan> {
  const session = await openSession(release.repository, options, new AbortController().signal);
  const { subject } = session;
  const { release: prepared, leftOut, withoutTexts } = await prepareRelease(release, options);
  const measured = await checkRelease(prepared, {
    corpusRows: options.corpusText === 'all' || options.type === 'dataset',
    publicBase: true,
  });
  const files = await Promise.all(measured.map(identify));
  const warnings: PublishPlan['warnings'][number][] = [];
  const card = prepared.files.find(({ path }) => path === 'README.md');
  const cardText = card === undefined ? undefined : 'content' in card.source ? card.source.content : await readText(card.source.file);
  if (cardText !== undefined) await checkCard(session, cardText);
  warnings.push(...warningsOf(files, cardText, options.type, withoutTexts));
  const main = await session.head('main');
  if (main !== undefined && options.private) await requirePrivate(session);
  const head = subject.revision === 'main' ? main : ((await session.head(subject.revision)) ?? main);
  const listed: ReadonlyMap<string, ListedFile> = head === undefined ? new Map() : await session.list(head);
  if (main === undefined) {
    warnings.push({
      code: 'W_PUBLISH_NEW',
      message: `There is no ${subject.type} ${subject.id} that this token can see; it will be made, ${options.private ? 'private' : 'for everybody to read'}.`,
    });
  }
  if (subject.settings.token === undefined) {
    warnings.push({
      code: 'W_PUBLISH_TOKEN',
      message: 'No token: this can be planned, not published. Log in with `hf auth login`, or set HF_TOKEN.',
    });
  }
  const planned = files.map((file) => {
    const { path, source, bytes, sha256, large } = file;
    const unchanged = isListed(file, listed.get(path));
    if (!unchanged && listed.has(path)) {
      warnings.push({ code: 'W_PUBLISH_REPLACES', message: `${path} is there with other content and will be replaced.` });
    }
    return { path, source, bytes, sha256, unchanged, large };
  });
  return {
    repository: release.repository,
    destination: `${pageOf(subject)}${subject.revision === 'main' ? '' : `/tree/${subject.revision}`}`,
    files: planned,
    leftOut,
    totalBytes: planned.reduce((sum, { bytes }) => sum + bytes, 0),
    warnings,
  };
}

async function readText(file: string): Promise<string> {
  const { readFile } = await import('node:fs/promises');
  return readFile(file, 'utf8');
}

function warningsOf(
  files: readonly IdentifiedFile[],
  card: string | undefined,
  type: HuggingFaceOptions['type'],
  withoutTexts: readonly string[],
): PublishPlan['warnings'] {
  const warnings: PublishPlan['warnings'][number][] = [];
  if (!files.some(({ path }) => /^(LICENSE|LICENCE|COPYING)/i.test(path))) {
    warnings.push({
      code: 'W_PUBLISH_LICENSE',
      message: 'No LICENSE is in the release: what is made from a base model comes with the licence of that model.',
    });
  }
  if (card === undefined) warnings.push({ code: 'W_PUBLISH_CARD', message: 'The release has no README.md, which is the card on the Hub.' });
  else if (type === 'model') {
    const missing = ['license', 'base_model'].filter((key) => !new RegExp(`^${key}:`, 'm').test(card));
    if (missing.length > 0) {
      warnings.push({
        code: 'W_PUBLISH_CARD',
        message: `The card states no ${missing.join(' and no ')}; the Hub cannot list it under its base model.`,
      });
    }
  }
  if (withoutTexts.length > 0) {
    warnings.push({
      code: 'W_PUBLISH_CORPUS',
      message: `Texts of held-out rows are taken out of ${withoutTexts.length} files; publisher.options.corpusText=examples publishes them.`,
    });
  }
  return warnings;
}

/** Lets the Hub look at the front matter. Throws `E_PUBLISH_CARD`. Hubs that cannot do that are taken at their word. */
async function checkCard({ subject, policy, signal }: HubSession, content: string): Promise<void> {
  await withRetries(policy, signal, async () => {
    try {
      await requestOnce(subject, policy, signal, `${subject.settings.endpoint}/api/validate-yaml`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', accept: 'text/plain' },
        body: JSON.stringify({ repoType: subject.type, content }),
      });
    } catch (error) {
      if (!(error instanceof HubFailure)) throw error;
      if (error.status === 404 || error.status === 405 || error.status === 501) return;
      if (error.status !== 400) throw error;
      throw new NlaError('E_PUBLISH_CARD', {
        message: 'The Hub does not accept the front matter of the card.',
        file: 'README.md',
        line: 1,
        column: 1,
        found: error.error.details.found ?? error.message,
        fix: 'Correct the front matter, or write the card anew: `nla report <run>`.',
        kind: 'input',
        cause: error,
      });
    }
  });
}
