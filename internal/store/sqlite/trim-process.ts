import { collectGarbage } from '../../io/collect-garbage.ts';
import { openDatabase } from './log-file.ts';
import { trimAllocator } from './trim-allocator.ts';

/**
 * Collects garbage, and gives what is free in this process back to the kernel: for a store whose
 * data are others', and which has no thread that would do it. Some milliseconds for each megabyte.
 */
export async function trimProcess(): Promise<void> {
  collectGarbage();
  trimAllocator(await openDatabase(':memory:'));
}
