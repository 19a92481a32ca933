import { createCipheriv, createDecipheriv, hkdfSync } from 'node:crypto';
import { join } from 'node:path';
import { messageOf } from '../../base/errors.ts';
import type { Disk } from '../../io/disk.ts';
import type { Log } from '../../io/log.ts';
import type { Random } from '../../io/random.ts';

const op = 'remember';
const nonceBytes = 12;
const tagBytes = 16;

/**
 * JSON in files that only this node can read: `<nonce><tag><AES-256-GCM of the text>`, the name of
 * the file bound in, under a key that is made of the node's own secret (HKDF, RFC 5869). A file
 * that is damaged, or of another secret, is as if it were not there.
 */
export class SealedFiles {
  readonly #o: { disk: Disk; random: Random; log: Log; dir: string };
  readonly #key: Buffer;
  readonly #written = new Map<string, string>();

  constructor(options: { disk: Disk; random: Random; log: Log; dir: string; secret: string }) {
    this.#o = options;
    this.#key = Buffer.from(hkdfSync('sha256', options.secret, '', 'skiff remembered objects', 32));
  }

  async read(name: string): Promise<unknown> {
    try {
      const bytes = await this.#o.disk.readIfThere(op, this.#path(name));
      if (!bytes || bytes.length < nonceBytes + tagBytes) return undefined;
      const all = Buffer.from(bytes);
      const decipher = createDecipheriv('aes-256-gcm', this.#key, all.subarray(0, nonceBytes));
      decipher.setAAD(Buffer.from(name));
      decipher.setAuthTag(all.subarray(nonceBytes, nonceBytes + tagBytes));
      const body = all.subarray(nonceBytes + tagBytes);
      const text = Buffer.concat([decipher.update(body), decipher.final()]).toString();
      this.#written.set(name, text);
      return JSON.parse(text) as unknown;
    } catch (error) {
      this.#o.log.warn('what was remembered cannot be read', { name, error: messageOf(error) });
      return undefined;
    }
  }

  /** Writes only what differs from what was read or written last. */
  async write(name: string, value: unknown): Promise<void> {
    const text = JSON.stringify(value);
    if (this.#written.get(name) === text) return;
    try {
      const nonce = this.#o.random.bytes(nonceBytes);
      const cipher = createCipheriv('aes-256-gcm', this.#key, nonce);
      cipher.setAAD(Buffer.from(name));
      const body = Buffer.concat([cipher.update(text), cipher.final()]);
      const all = Buffer.concat([nonce, cipher.getAuthTag(), body]);
      await this.#o.disk.makeDir(op, this.#o.dir, 0o700);
      await this.#o.disk.writeAtomic(op, this.#path(name), all, { mode: 0o600 });
      this.#written.set(name, text);
    } catch (error) {
      this.#o.log.warn('what should be remembered is not', { name, error: messageOf(error) });
    }
  }

  #path(name: string): string {
    return join(this.#o.dir, name);
  }
}
