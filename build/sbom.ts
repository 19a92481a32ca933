import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe } from './licenses.ts';
import { kubectlHash, kubectlVersion } from './kubectl.ts';

export interface SbomOptions {
  version: string;
  /** The name of the build. */
  build: string;
  arch: string;
  /** The folders of the packages that are in the program. */
  dirs: string[];
  nodePackage: string;
  kubectl: boolean;
  /** package-lock.json, which knows the checksum of each package. */
  lockFile: string;
  /** Of the SQLite in better-sqlite3. */
  sqliteVersion: string;
}

/**
 * What one executable is made of, as CycloneDX 1.6 (https://cyclonedx.org/docs/1.6/json/). It names
 * no time and draws nothing by chance: the same build has the same list.
 */
export function sbom(options: SbomOptions): object {
  const { version, build, arch, dirs, nodePackage } = options;
  const lock = JSON.parse(readFileSync(options.lockFile, 'utf8')) as {
    packages: Record<string, { integrity?: string }>;
  };
  const packages = [...new Set([...dirs, nodePackage])]
    .map((dir) => npmComponent(dir, lock.packages))
    .toSorted((a, b) => (a['bom-ref'] < b['bom-ref'] ? -1 : 1));
  const own = `pkg:generic/skiff@${version}`;
  const parts = [
    ...packages,
    generic('sqlite', options.sqliteVersion, 'blessing'),
    ...(options.kubectl
      ? [
          {
            ...generic('kubectl', kubectlVersion, 'Apache-2.0'),
            type: 'application',
            hashes: [{ alg: 'SHA-256', content: kubectlHash(arch) }],
          },
        ]
      : []),
    ...nodeParts(),
  ];
  return {
    bomFormat: 'CycloneDX',
    specVersion: '1.6',
    serialNumber: `urn:uuid:${uuidOf(`${version} ${build} ${arch}`)}`,
    version: 1,
    metadata: {
      component: {
        type: 'application',
        'bom-ref': own,
        name: 'skiff',
        version,
        licenses: [{ license: { id: 'Apache-2.0' } }],
        properties: [
          { name: 'skiff:build', value: build },
          { name: 'skiff:arch', value: arch },
        ],
      },
    },
    components: parts,
    dependencies: [{ ref: own, dependsOn: parts.map((part) => part['bom-ref']) }],
  };
}

interface Component {
  type: string;
  'bom-ref': string;
  name: string;
  version: string;
  [more: string]: unknown;
}

function npmComponent(dir: string, locked: Record<string, { integrity?: string }>): Component {
  const { name, version, license } = describe(dir);
  const purl = `pkg:npm/${name.replace('@', '%40')}@${version}`;
  const key = dir.slice(dir.lastIndexOf('/node_modules/') + 1);
  // A package inside another one's folder is locked under the whole way to it.
  const nested = dir.slice(dir.indexOf('/node_modules/') + 1);
  const integrity = (locked[nested] ?? locked[key])?.integrity;
  const sha512 = /^sha512-(.+)$/.exec(integrity ?? '')?.[1];
  return {
    type: 'library',
    'bom-ref': purl,
    name,
    version,
    purl,
    licenses: [licenseChoice(license)],
    ...(sha512 !== undefined && {
      hashes: [{ alg: 'SHA-512', content: Buffer.from(sha512, 'base64').toString('hex') }],
    }),
  };
}

/** "(MIT OR Apache-2.0)" is an expression, "MIT" is an identifier. */
function licenseChoice(license: string): object {
  return /[ ()]/.test(license) ? { expression: license } : { license: { id: license } };
}

function generic(name: string, version: string, license?: string): Component {
  const purl = `pkg:generic/${name}@${encodeURIComponent(version)}`;
  return {
    type: 'library',
    'bom-ref': purl,
    name,
    version,
    purl,
    ...(license !== undefined && { licenses: [{ license: { id: license } }] }),
  };
}

/** What Node is linked from; the build runs on the very version that it embeds. */
function nodeParts(): Component[] {
  return Object.entries(process.versions)
    .filter(([name, version]) => !['node', 'napi', 'modules'].includes(name) && version)
    .map(([name, version]) => generic(name === 'uv' ? 'libuv' : name, version as string))
    .filter((part) => part.name !== 'sqlite')
    .toSorted((a, b) => (a['bom-ref'] < b['bom-ref'] ? -1 : 1));
}

/** A name made of a text, in the form of a UUID of version 8 (RFC 9562). */
function uuidOf(text: string): string {
  const bytes = createHash('sha256').update(text).digest().subarray(0, 16);
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x80;
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  return bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}

/** The SQLite that better-sqlite3 carries, as it says itself. */
export async function bundledSqlite(root: string): Promise<string> {
  const { default: Database } = await import('better-sqlite3');
  const db = new Database(':memory:', {
    nativeBinding: join(root, `node_modules/better-sqlite3/prebuilds/linux-${process.arch}.node`),
  });
  try {
    return db.prepare('select sqlite_version()').pluck().get() as string;
  } finally {
    db.close();
  }
}
