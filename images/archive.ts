import { createHash } from 'node:crypto';

/** A file, folder or link of an image layer. Paths have no leading slash. */
export interface Entry {
  path: string;
  mode?: number;
  data?: Uint8Array | string;
  link?: string;
  directory?: boolean;
  uid?: number;
  gid?: number;
}

export interface ImageConfig {
  entrypoint?: string[];
  cmd?: string[];
  env?: string[];
  user?: string;
  workingDir?: string;
  exposedPorts?: string[];
}

const blockBytes = 512;

/**
 * A tar archive (POSIX.1-1988 ustar with GNU long names) of `entries`; the same entries give the
 * same bytes.
 */
export function tar(entries: Entry[]): Buffer {
  const parts: Buffer[] = [];
  for (const entry of entries) {
    const data = entry.data === undefined ? Buffer.alloc(0) : Buffer.from(entry.data as Uint8Array);
    const name = entry.directory ? entry.path.replace(/\/*$/, '/') : entry.path;
    if (Buffer.byteLength(name) > 100)
      push(
        parts,
        header({ path: '././@LongLink' }, 'L', Buffer.byteLength(name) + 1),
        Buffer.from(`${name}\0`),
      );
    if (entry.link !== undefined && Buffer.byteLength(entry.link) > 100)
      push(
        parts,
        header({ path: '././@LongLink' }, 'K', entry.link.length + 1),
        Buffer.from(`${entry.link}\0`),
      );
    push(
      parts,
      header(
        { ...entry, path: name },
        entry.link !== undefined ? '2' : entry.directory ? '5' : '0',
        data.length,
      ),
      data,
    );
  }
  parts.push(Buffer.alloc(2 * blockBytes));
  return Buffer.concat(parts);
}

/**
 * An OCI image archive (https://github.com/opencontainers/image-spec/blob/main/image-layout.md)
 * with one image called `name`, also readable as a docker archive. The layers go from bottom to
 * top.
 */
export function imageArchive(image: {
  name: string;
  arch: string;
  layers: Entry[][];
  config: ImageConfig;
}): Buffer {
  const blobs = new Map<string, Buffer>();
  const put = (bytes: Buffer): { digest: string; size: number } => {
    const digest = `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
    blobs.set(digest, bytes);
    return { digest, size: bytes.length };
  };
  const json = (value: unknown): Buffer => Buffer.from(JSON.stringify(value));
  const layers = image.layers.map((entries) => put(tar(entries)));
  const config = put(
    json(
      configOf(
        image,
        layers.map((l) => l.digest),
      ),
    ),
  );
  const manifest = put(
    json({
      schemaVersion: 2,
      mediaType: 'application/vnd.oci.image.manifest.v1+json',
      config: { mediaType: 'application/vnd.oci.image.config.v1+json', ...config },
      layers: layers.map((l) => ({ mediaType: 'application/vnd.oci.image.layer.v1.tar', ...l })),
    }),
  );
  const tag = image.name.slice(image.name.lastIndexOf(':') + 1);
  const index = json({
    schemaVersion: 2,
    mediaType: 'application/vnd.oci.image.index.v1+json',
    manifests: [
      {
        mediaType: 'application/vnd.oci.image.manifest.v1+json',
        ...manifest,
        annotations: {
          'io.containerd.image.name': image.name,
          'org.opencontainers.image.ref.name': tag,
        },
        platform: { architecture: goArch(image.arch), os: 'linux' },
      },
    ],
  });
  const file = (digest: string): string => `blobs/${digest.replace(':', '/')}`;
  return tar([
    { path: 'oci-layout', data: '{"imageLayoutVersion":"1.0.0"}' },
    { path: 'blobs', directory: true },
    { path: 'blobs/sha256', directory: true },
    ...[...blobs].map(([digest, data]) => ({ path: file(digest), data })),
    { path: 'index.json', data: index },
    {
      path: 'manifest.json',
      data: json([
        {
          Config: file(config.digest),
          RepoTags: [image.name],
          Layers: layers.map((l) => file(l.digest)),
        },
      ]),
    },
  ]);
}

/** Node's name of an architecture as Go and OCI say it. */
function goArch(arch: string): string {
  return arch === 'x64' ? 'amd64' : arch;
}

function configOf(image: { arch: string; config: ImageConfig }, diffIds: string[]): object {
  const { entrypoint, cmd, env, user, workingDir, exposedPorts } = image.config;
  return {
    // A fixed date: the same sources give the same image.
    created: '2000-01-01T00:00:00Z',
    architecture: goArch(image.arch),
    os: 'linux',
    config: {
      ...(entrypoint && { Entrypoint: entrypoint }),
      ...(cmd && { Cmd: cmd }),
      Env: env ?? ['PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'],
      ...(user !== undefined && { User: user }),
      WorkingDir: workingDir ?? '/',
      ...(exposedPorts && { ExposedPorts: Object.fromEntries(exposedPorts.map((p) => [p, {}])) }),
    },
    rootfs: { type: 'layers', diff_ids: diffIds },
    history: diffIds.map(() => ({ created: '2000-01-01T00:00:00Z', created_by: 'skiff' })),
  };
}

function push(parts: Buffer[], head: Buffer, data: Buffer): void {
  parts.push(head, data);
  const rest = data.length % blockBytes;
  if (rest > 0) parts.push(Buffer.alloc(blockBytes - rest));
}

function header(entry: Entry, type: string, size: number): Buffer {
  const block = Buffer.alloc(blockBytes);
  const octal = (value: number, at: number, length: number): void =>
    void block.write(`${value.toString(8).padStart(length - 1, '0')}\0`, at, 'latin1');
  block.write(entry.path.slice(0, 100), 0);
  octal(entry.mode ?? (type === '5' ? 0o755 : type === '2' ? 0o777 : 0o644), 100, 8);
  octal(entry.uid ?? 0, 108, 8);
  octal(entry.gid ?? 0, 116, 8);
  octal(size, 124, 12);
  octal(0, 136, 12);
  block.fill(' ', 148, 156);
  block.write(type, 156);
  if (entry.link !== undefined) block.write(entry.link.slice(0, 100), 157);
  block.write('ustar\x0000', 257, 'latin1');
  let sum = 0;
  for (const byte of block) sum += byte;
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  return block;
}
