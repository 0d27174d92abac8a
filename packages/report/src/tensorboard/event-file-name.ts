const ending = '.nlakit';

/** Name of an event file that begins at `wallTime` (seconds since 1970): later files sort behind earlier ones, as TensorBoard reads them. */
export function eventFileName(wallTime: number): string {
  return `events.out.tfevents.${wallTime.toFixed(3).padStart(14, '0')}${ending}`;
}

/** Whether a file was named by {@link eventFileName}. */
export function isEventFileName(name: string): boolean {
  return /^events\.out\.tfevents\.\d{10}\.\d{3}\.nlakit$/.test(name);
}
