import { Buffer } from 'node:buffer';

/** The holder of a stored Lease, as it stands in its JSON. */
function holderOf(value: Uint8Array): string | undefined {
  return /"holderIdentity":"(?:[^"\\]|\\.)*"/.exec(
    Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString(),
  )?.[0];
}

/**
 * A Lease is soft only while its holder renews it. Who holds it must outlive a power cut: else an
 * earlier leader could find itself the holder again while the later one still acts.
 */
export function holderChanges(old: Uint8Array | undefined, now: Uint8Array | undefined): boolean {
  return !old || !now || holderOf(old) !== holderOf(now);
}
