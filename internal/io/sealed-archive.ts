import { spawn } from 'node:child_process';
import { createReadStream } from 'node:fs';
import { Readable, type Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createZstdCompress, createZstdDecompress, constants as zlib } from 'node:zlib';
import { Decrypter, Encrypter } from 'age-encryption';
import { ConfigError, messageOf } from '../base/errors.ts';
import { endOf } from './archive.ts';
import { openWriter } from './file-writer.ts';

/** Who can open an archive: whoever knows the passphrase, or holds the key of a recipient. */
export type Seal = { passphrase: string } | { recipients: string[] };
/** What opens one. `identities` are keys as age-keygen writes them (`AGE-SECRET-KEY-1...`). */
export type Key = { passphrase: string } | { identities: string[] };

/**
 * The cost of one guess at a passphrase (scrypt, log2 of N): 64 MiB, which a machine with 512 MiB
 * has, too.
 */
const workFactor = 16;
const zstdLevel = 6;

function encrypterOf(op: string, seal: Seal): Encrypter {
  const made = new Encrypter();
  if ('passphrase' in seal) {
    made.setPassphrase(seal.passphrase);
    made.setScryptWorkFactor(workFactor);
    return made;
  }
  for (const recipient of seal.recipients) {
    try {
      made.addRecipient(recipient);
    } catch {
      throw new ConfigError(`"${recipient}" is not a recipient of age`, {
        op,
        hint: 'it begins with age1, as age-keygen prints it',
      });
    }
  }
  return made;
}

function decrypterOf(op: string, key: Key): Decrypter {
  const made = new Decrypter();
  if ('passphrase' in key) {
    made.addPassphrase(key.passphrase);
    return made;
  }
  for (const identity of key.identities) {
    try {
      made.addIdentity(identity);
    } catch {
      // The line is a secret, or next to one.
      throw new ConfigError('a line of the identity file is not a key of age', {
        op,
        hint: 'a key begins with AGE-SECRET-KEY-1',
      });
    }
  }
  return made;
}

/**
 * Packs what the words of `tar` name into one file: tar, zstd, and around it age
 * (age-encryption.org/v1). The file has its name only when it is whole and on the disk, and only
 * sealed bytes are written beside it.
 */
export async function sealArchive(
  op: string,
  { tar, to, seal }: { tar: string[]; to: string; seal: Seal },
): Promise<void> {
  const sealer = encrypterOf(op, seal);
  const writer = await openWriter(op, `${to}.part`);
  const child = spawn('tar', ['-cf', '-', ...tar], { stdio: ['ignore', 'pipe', 'pipe'] });
  // 1: a file changed while it was read, as those of running pods do.
  const ended = endOf(op, child, [0, 1]);
  try {
    const packer = createZstdCompress({
      params: { [zlib.ZSTD_c_compressionLevel]: zstdLevel, [zlib.ZSTD_c_checksumFlag]: 1 },
    });
    const packed = pipeline(child.stdout, packer);
    const written = (async () => {
      const sealed = await sealer.encrypt(Readable.toWeb(packer) as ReadableStream<Uint8Array>);
      for await (const piece of sealed) await writer.write(piece);
    })();
    await Promise.all([packed, written, ended]);
    await writer.finish(to);
  } finally {
    child.kill();
    await writer.discard();
  }
}

/**
 * Unpacks a sealed archive into a folder, with owners and modes as they were; `tar` are more
 * options of it. Until it resolves nothing in the folder may be used: only then every byte is
 * known to be as it was sealed. Throws ConfigError when the key does not open the file, or the
 * file is damaged.
 */
export async function openSealed(
  op: string,
  { file, into, key, tar = [] }: { file: string; into: string; key: Key; tar?: string[] },
): Promise<void> {
  const opener = decrypterOf(op, key);
  const source = createReadStream(file, { highWaterMark: 1 << 20 });
  let opened: ReadableStream<Uint8Array>;
  try {
    opened = await opener.decrypt(Readable.toWeb(source) as ReadableStream<Uint8Array>);
  } catch (cause) {
    source.destroy();
    throw notOpened(op, file, cause);
  }
  const words = ['-xpf', '-', '--same-owner', '--numeric-owner', ...tar, '-C', into];
  const child = spawn('tar', words, { stdio: ['pipe', 'ignore', 'pipe'] });
  const ended = endOf(op, child);
  const fed = pipeline(
    Readable.fromWeb(opened as Parameters<typeof Readable.fromWeb>[0]),
    createZstdDecompress(),
    (pieces: AsyncIterable<Buffer>) => feed(pieces, child.stdin),
  );
  // tar waits for the end of its input: it must be closed.
  fed.catch(() => child.kill());
  const results = await Promise.allSettled([fed, ended]);
  for (const result of results)
    if (result.status === 'rejected')
      throw new ConfigError(`${file} is damaged: ${messageOf(result.reason)}`, {
        op,
        hint: 'nothing was changed; copy it again',
        cause: result.reason,
      });
}

/**
 * All of it is read, and with that judged: tar may end at the mark of the archive's end, before
 * the last zeros.
 */
async function feed(pieces: AsyncIterable<Buffer>, into: Writable): Promise<void> {
  into.on('error', () => undefined);
  for await (const piece of pieces)
    await new Promise<void>((resolve) => into.write(piece, () => resolve()));
  into.end();
}

function notOpened(op: string, file: string, cause: unknown): ConfigError {
  const said = messageOf(cause);
  const code = (cause as NodeJS.ErrnoException).code;
  if (code !== undefined) return new ConfigError(`${file}: ${said}`, { op, cause });
  if (/no identity matched/.test(said))
    return new ConfigError(`${file} was sealed for another passphrase or key`, { op, cause });
  return new ConfigError(`${file} is not a sealed archive, or its beginning is damaged`, {
    op,
    cause,
  });
}
