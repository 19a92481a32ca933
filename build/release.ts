import { createHash } from 'node:crypto';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { constants, gzipSync } from 'node:zlib';
import { tar } from '../images/archive.ts';
import { root } from './bundle.ts';
import { channelFile } from './channels.ts';
import { step } from './executable.ts';
import { newSigningKey, readSigningKey, signFile, type SigningKey } from './minisign.ts';

const help = `npm run release -- --key FILE      make release/ and sign it
  --make-key FILE   make a new private key (Ed25519, PEM) and end
  --output DIR      in the place of release/
  --url URL         where the folder will be served: install.sh then needs no INSTALL_SKIFF_MIRROR
  --channel NAME    the channel, besides "latest", that names this version (default: stable)
  --arch ARCH       amd64 or arm64 alone
  --images FILE     images for the air-gap bundles, one a line
  --without-airgap  no bundles: they need apt-get, patchelf, skopeo and a mirror of Debian's packages
The key may also be in the variable SKIFF_RELEASE_KEY (its text) or SKIFF_RELEASE_KEY_FILE.`;

const { values } = parseArgs({
  options: {
    key: { type: 'string' },
    'make-key': { type: 'string' },
    output: { type: 'string', default: join(root, 'release') },
    url: { type: 'string', default: '' },
    channel: { type: 'string', default: 'stable' },
    arch: { type: 'string', multiple: true, default: ['amd64', 'arm64'] },
    images: { type: 'string' },
    'without-airgap': { type: 'boolean' },
    help: { type: 'boolean' },
  },
});
const builds: Record<string, string> = { amd64: 'x64', arm64: 'arm64' };

try {
  if (values.help) console.log(help);
  else if (values['make-key'] !== undefined) makeKey(values['make-key']);
  else release();
} catch (error) {
  console.error(error instanceof Error ? error.message : String(error));
  process.exit(1);
}

function makeKey(file: string): void {
  const pem = newSigningKey();
  writeFileSync(file, pem, { mode: 0o600, flag: 'wx' });
  console.log(
    `${file}: keep it where nobody else reads it.\n` +
      `Its public key, for minisign -P: ${readSigningKey(pem).publicLine}`,
  );
}

/** The key that signs: nothing of it is ever written. */
function signingKey(): SigningKey {
  const file = values.key ?? process.env['SKIFF_RELEASE_KEY_FILE'];
  const pem = file === undefined ? process.env['SKIFF_RELEASE_KEY'] : readFileSync(file, 'utf8');
  if (!pem) throw new Error(`a release is signed: name a private key\n${help}`);
  return readSigningKey(pem);
}

function release(): void {
  const signer = signingKey();
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
    version: string;
  };
  if (values.url !== '' && !/^https?:\/\/[\w.:/@~+-]+$/.test(values.url))
    throw new Error(`--url ${values.url}: an address that begins with http:// or https://`);
  const out = resolve(values.output);
  if (existsSync(out) && readdirSync(out).some((name) => !ours.test(name)))
    throw new Error(`${out} holds files that are not of a release: name another --output`);
  rmSync(out, { recursive: true, force: true });
  mkdirSync(out, { recursive: true });
  for (const arch of values.arch) build(out, arch);
  if (!values['without-airgap']) for (const arch of values.arch) bundle(out, arch);
  const script = stamped(readFileSync(join(root, 'install.sh'), 'utf8'), {
    public_key: signer.publicLine,
    default_mirror: values.url,
  });
  writeFileSync(join(out, 'install.sh'), script, { mode: 0o755 });
  const sums = sumsOf(out);
  writeFileSync(join(out, 'sha256sums'), sums);
  writeFileSync(
    join(out, 'sha256sums.minisig'),
    signFile(signer, Buffer.from(sums), `skiff v${version}`),
  );
  writeFileSync(
    join(out, 'channels'),
    channelFile({ version, url: values.url, names: [...new Set([values.channel, 'latest'])] }),
  );
  for (const name of readdirSync(out).toSorted())
    console.log(`${join(out, name)}: ${(statSync(join(out, name)).size / 1048576).toFixed(1)} MiB`);
}

function build(out: string, arch: string): void {
  const of = builds[arch];
  if (of === undefined) throw new Error(`--arch ${arch}: amd64 or arm64 is meant`);
  const name = `skiff-${arch}`;
  const file = join(out, name);
  const list = ['--sbom', join(out, `${name}.cdx.json`)];
  step([process.execPath, join(root, 'build/build.ts'), '--arch', of, '--output', file, ...list]);
  chmodSync(file, 0o755);
  const archive = tar([{ path: name, data: readFileSync(file), mode: 0o755 }]);
  writeFileSync(
    join(out, `${name}.tar.gz`),
    gzipSync(archive, { level: constants.Z_BEST_COMPRESSION }),
  );
}

/** What a bare machine lacks besides the executable; among the sums, as everything is. */
function bundle(out: string, arch: string): void {
  const images = values.images === undefined ? [] : ['--images', resolve(values.images)];
  const output = join(out, `skiff-airgap-${arch}.tar.zst`);
  const command = [process.execPath, join(root, 'cmd/skiff.ts'), 'airgap', 'build'];
  process.stdout.write(step([...command, '--arch', arch, '--output', output, ...images]));
}

const ours = /^(skiff-.*|install\.sh|sha256sums(\.minisig)?|channels)$/;

/** install.sh with lines NAME='' filled in. */
function stamped(script: string, lines: Record<string, string>): string {
  let text = script;
  for (const [name, value] of Object.entries(lines)) {
    const empty = `\n${name}=''\n`;
    if (text.split(empty).length !== 2) throw new Error(`install.sh has no line ${name}=''`);
    text = text.replace(empty, () => `\n${name}='${value}'\n`);
  }
  return text;
}

/** As sha256sum writes them, by name. */
function sumsOf(dir: string): string {
  return readdirSync(dir)
    .toSorted()
    .map((name) => {
      const sum = createHash('sha256')
        .update(readFileSync(join(dir, name)))
        .digest('hex');
      return `${sum}  ${name}\n`;
    })
    .join('');
}
