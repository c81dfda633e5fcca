// Adds jobs of BullMQ and of Bull in all their shapes: what record_bull.py records, and what tests count.
//
// Usage: node jobs.mjs PORT LIBRARY QUEUE     LIBRARY: bullmq, bullmq6 or bull

import { createRequire } from 'node:module';

const [port, library, name] = process.argv.slice(2);
const require = createRequire(new URL('../../target/node/', import.meta.url));
const connection = { port: Number(port), maxRetriesPerRequest: null };

async function bull() {
  const Queue = require('bull');
  const queue = new Queue(name, { redis: { port: Number(port) } });
  await queue.add({ repoid: 147107 });
  await queue.add('upload', { repoid: 5 }, { priority: 2, attempts: 3, jobId: 'job-b' });
  await queue.add('upload', { repoid: 6 }, { delay: 3600000, jobId: 'job-d' });
  await queue.close();
}

async function bullmq() {
  const { Queue, FlowProducer, Worker } = require(library);
  const queue = new Queue(name, { connection });
  // A worker runs the first two jobs; the second one fails.
  await queue.add('done', {}, { jobId: 'job-ok' });
  await queue.add('boom', {}, { jobId: 'job-no' });
  const worker = new Worker(name, async (job) => run(job), { connection });
  await waitUntil(async () => (await finished(queue)) === 2);
  await worker.close();
  await queue.add('upload', { repoid: 147107, commitid: 'e0ca38f7', tags: ['a'] });
  await queue.add('upload', { repoid: 5, when: '2026-11-28T12:00:00Z' }, { attempts: 3 });
  await queue.add('archive', { big: '12345678901234567890', f: 1.5, t: true, n: null }, { jobId: 'job-c' });
  await queue.add('archive', [1, 'two'], { priority: 5, jobId: 'job-p' });
  await queue.add('later', { repoid: 7 }, { delay: 3600000, jobId: 'job-d' });
  await queue.add('once', { repoid: 26 }, { deduplication: { id: 'repo-26' }, jobId: 'job-e' });
  await queue.add('text', 'just a text', { jobId: 'job-t' });
  await queue.add('none', undefined, { jobId: 'job-n' });
  await queue.add('Größe', { 'a"b\\': 'ü\n', nested: { list: [{ x: 1 }] } }, { jobId: 'job-g' });
  await queue.upsertJobScheduler('nightly', { every: 86400000 }, { name: 'nightly', data: { repoid: 1 } });
  const flow = new FlowProducer({ connection });
  const child = { name: 'child', queueName: name, data: { c: 1 }, opts: { jobId: 'ch-1' } };
  await flow.add({ name: 'parent', queueName: name, opts: { jobId: 'par-1' }, children: [child] });
  await flow.close();
  await queue.close();
}

async function run(job) {
  if (job.name === 'boom') throw new Error('no luck');
  await job.updateProgress(50);
  return { done: 1 };
}

async function finished(queue) {
  const counts = await queue.getJobCounts('completed', 'failed');
  return counts.completed + counts.failed;
}

async function waitUntil(holds) {
  while (!(await holds())) await new Promise((resume) => setTimeout(resume, 20));
}

await (library === 'bull' ? bull() : bullmq());
