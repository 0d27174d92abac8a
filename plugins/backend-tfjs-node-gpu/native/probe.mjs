// Run by the installer in a process of its own: a library that does not fit may end the process that loads it.
import { createRequire } from 'node:module';
import process from 'node:process';

const module = createRequire(import.meta.url)(process.argv[2]);
const matrix = (values) => module.createTensor([2, 2], module.TF_FLOAT, Float32Array.from(values));
const attribute = (name, type, value) => ({ name, type: module[`TF_ATTR_${type}`], value });
const attributes = [
  attribute('transpose_a', 'BOOL', false),
  attribute('transpose_b', 'BOOL', false),
  attribute('T', 'TYPE', module.TF_FLOAT),
];
const operands = [matrix([1, 2, 3, 4]), matrix([5, 6, 7, 8])];
const [{ id: theirs }] = module.executeOp('MatMul', attributes, operands, 1);
const exchange = Int32Array.of(0, 0, ...operands, 0, 0);
module.compute(module.kernels().indexOf('BatchMatMul'), 0, 2, operands.length, exchange);
const ours = exchange[1];
const product = [theirs, ours].flatMap((id) => [...module.tensorDataSync(id)]);
process.stdout.write(`\n${JSON.stringify({ version: module.TF_Version, gpu: module.isUsingGpuDevice(), product })}\n`);
