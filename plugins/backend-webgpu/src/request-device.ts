import { chooseMatrixUnit, matrixFeatures } from './matrix-unit.js';
import type { MatrixUnit } from './matrix-unit.js';
import type { WebgpuBackendOptions } from './options.js';
import { noAdapter, noHalf, onlySoftware, unavailable } from './unavailable.js';

/** Limits that the spec's defaults set too low for a language model: the largest the driver offers are asked for. */
const wantedLimits = [
  'maxBufferSize',
  'maxStorageBufferBindingSize',
  'maxStorageBuffersPerShaderStage',
  'maxComputeWorkgroupStorageSize',
  'maxComputeInvocationsPerWorkgroup',
  'maxComputeWorkgroupSizeX',
  'maxComputeWorkgroupSizeY',
  'maxComputeWorkgroupsPerDimension',
] as const;

/** A device and the words for it. */
export interface OpenedDevice {
  readonly device: GPUDevice;
  readonly info: GPUAdapterInfo;
  /** Name of GPU and driver. */
  readonly description: string;
  /** Subgroup matrices that the device has, or why not. */
  readonly offeredUnit: MatrixUnit | string;
}

/** Asks for the device of this machine with the largest limits its driver has. Throws `E_BACKEND_UNAVAILABLE`. */
export async function requestDevice(gpu: GPU, options: WebgpuBackendOptions): Promise<OpenedDevice> {
  const adapter = await gpu.requestAdapter({ powerPreference: options.powerPreference });
  if (adapter === null) throw unavailable(noAdapter());
  const { info } = adapter;
  const description = describeAdapter(info);
  if (isSoftware(info) && !options.allowSoftware) throw unavailable(onlySoftware(description));
  if (options.multiply === 'f16') requireHalf(adapter.features, description);
  const requiredLimits = Object.fromEntries(wantedLimits.map((name) => [name, adapter.limits[name]]));
  const offeredUnit = options.multiply === 'f16' ? chooseMatrixUnit(adapter) : "the device was opened for multiply: 'f32'";
  // The first only for tf.profile and tf.time; f16 also if this call does not want it, since a later one gets the same device.
  const wanted =
    typeof offeredUnit === 'string' ? (['timestamp-query', 'shader-f16'] as const) : (['timestamp-query', ...matrixFeatures] as const);
  const requiredFeatures = wanted.filter((feature) => adapter.features.has(feature)) as GPUFeatureName[];
  const device = await adapter.requestDevice({ requiredLimits, requiredFeatures });
  return { device, info, description, offeredUnit };
}

/** Throws `E_BACKEND_UNAVAILABLE` if an adapter or device with these features cannot multiply in f16. */
export function requireHalf(features: ReadonlySet<string>, description: string): void {
  if (!features.has('shader-f16')) throw unavailable(noHalf(description));
}

/** Fallback adapters say so; some drivers only by their name. */
function isSoftware(info: GPUAdapterInfo): boolean {
  return info.isFallbackAdapter || /llvmpipe|lavapipe|swiftshader|software|basic render/i.test(`${info.architecture} ${info.description}`);
}

function describeAdapter({ vendor, architecture, device, description }: GPUAdapterInfo): string {
  const parts = description === '' ? [vendor, architecture, device] : [description];
  return parts.filter((part) => part !== '').join(' ') || 'a GPU that does not name itself';
}
