/**
 * Makes a device take shaders whose `enable` and `diagnostic` lines are not first. WGSL wants them before every declaration, and tfjs puts
 * declarations before the code of a program.
 */
export function hoistEnables(device: Pick<GPUDevice, 'createShaderModule'>): void {
  const create = device.createShaderModule.bind(device);
  device.createShaderModule = (descriptor) => create({ ...descriptor, code: withEnablesFirst(descriptor.code) });
}

function withEnablesFirst(code: string): string {
  const enables: string[] = [];
  const rest = code.replace(/^[ \t]*(?:enable [\w, ]+|diagnostic\([\w., ]+\));[ \t]*$/gm, (line) => {
    enables.push(line.trim());
    return '';
  });
  return enables.length === 0 ? code : `${enables.join('\n')}\n${rest}`;
}
