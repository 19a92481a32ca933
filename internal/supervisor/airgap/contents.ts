import { ConfigError } from '../../base/errors.ts';
import { table } from '../../base/own.ts';

/** The first thing in a bundle: what it is, and the checksum of each file in it. */
export const manifestFile = 'manifest.json';
/** The images of a bundle, in one archive. */
export const imagesFile = 'images.tar';

export interface Manifest {
  format: 1;
  arch: Arch;
  /** Of which the programs are: `Debian GNU/Linux 12 (bookworm)`. */
  distribution: string;
  /** Name and version of each package. */
  packages: Record<string, string>;
  /** Path below the bundle and SHA-256. */
  files: Record<string, string>;
  images: string[];
}

export const arches = ['amd64', 'arm64'] as const;
export type Arch = (typeof arches)[number];

/** The programs that a node calls and a bare machine may lack, by the package that has them. */
export const nodePackages: Record<string, readonly string[]> = table({
  containerd: ['containerd', 'containerd-shim-runc-v2', 'ctr'],
  runc: ['runc'],
  'containernetworking-plugins': ['ptp', 'host-local', 'loopback', 'portmap'],
  nftables: ['nft'],
  conntrack: ['conntrack'],
  iproute2: ['ip'],
  mount: ['mount', 'umount'],
  haproxy: ['haproxy'],
  'wireguard-tools': ['wg'],
});

/**
 * Programs look for their libraries where this says. A bundle is unpacked below a data directory
 * that nobody knows yet, so the place is written over these bytes: a path may end in any number of
 * slashes.
 */
export const libraryPlace = `/skiff-airgap-library${'/'.repeat(203)}`;

/** The bytes of a program with the place of its libraries filled in. */
export function withLibraries(program: Buffer, dir: string): Buffer {
  const bytes = Buffer.from(dir);
  if (bytes.length > libraryPlace.length)
    throw new ConfigError(`the data directory's path is too long for an air-gap bundle: ${dir}`, {
      op: 'airgap',
      hint: `at most ${libraryPlace.length - 40} characters`,
    });
  const at = program.indexOf(libraryPlace, 0, 'latin1');
  if (at < 0) return program;
  const out = Buffer.from(program);
  out.fill('/', at, at + libraryPlace.length, 'latin1');
  bytes.copy(out, at);
  return out;
}

const digest = /^[0-9a-f]{64}$/;
const place = /^(bin|cni|lib|licenses)\/[A-Za-z0-9][A-Za-z0-9_.+-]*$/;

/** Takes the manifest of a bundle, which came from elsewhere; throws ConfigError. */
export function readManifest(text: string): Manifest {
  const fail = (why: string): ConfigError =>
    new ConfigError(`this is not an air-gap bundle that skiff can read: ${why}`, { op: 'airgap' });
  let value: Partial<Manifest>;
  try {
    value = JSON.parse(text) as Partial<Manifest>;
  } catch {
    throw fail('its manifest is damaged');
  }
  const { format, arch, files, images, packages, distribution } = value ?? {};
  if (format !== 1) throw fail(`its format is ${String(format)}, not 1`);
  if (arch !== 'amd64' && arch !== 'arm64') throw fail('it names no architecture');
  if (typeof files !== 'object' || typeof packages !== 'object' || !Array.isArray(images))
    throw fail('its manifest is damaged');
  for (const [path, sum] of Object.entries(files))
    if ((path !== imagesFile && !place.test(path)) || !digest.test(sum))
      throw fail(`it names a file ${JSON.stringify(path)}`);
  if (!images.every((image) => typeof image === 'string')) throw fail('its manifest is damaged');
  return { format, arch, distribution: String(distribution), packages, files, images };
}
