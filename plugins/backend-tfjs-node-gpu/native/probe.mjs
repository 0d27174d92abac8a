// Run by the installer in a process of its own: a library that does not fit may end the process that loads it.
import { createRequire } from 'node:module';
import process from 'node:process';

const require = createRequire(import.meta.url);
const [binding, addon] = process.argv.slice(2).map((path) => require(path));
const problem = addon.registerOperations();
const matrix = (values) => binding.createTensor([2, 2], binding.TF_FLOAT, Float32Array.from(values));
const attribute = (name, type, value) => ({ name, type: binding[`TF_ATTR_${type}`], value });
const attributes = [
  attribute('transpose_a', 'BOOL', false),
  attribute('transpose_b', 'BOOL', false),
  attribute('T', 'TYPE', binding.TF_FLOAT),
];
const [result] = binding.executeOp('MatMul', attributes, [matrix([1, 2, 3, 4]), matrix([5, 6, 7, 8])], 1);
const own = [attribute('transpose_a', 'INT', 0), attribute('transpose_b', 'INT', 0)];
const check = problem === '' ? binding.executeOp('NlakitMatMul', own, [matrix([1, 2, 3, 4]), matrix([5, 6, 7, 8])], 1)[0] : result;
const product = [result, check].flatMap(({ id }) => [...binding.tensorDataSync(id)]);
process.stdout.write(`\n${JSON.stringify({ version: binding.TF_Version, gpu: binding.isUsingGpuDevice(), product, problem })}\n`);
