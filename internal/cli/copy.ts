import { dirname, join, posix, resolve } from 'node:path';
import { PassThrough, Readable } from 'node:stream';
import { ConfigError, IoError } from '../base/errors.ts';
import { runShell, type ShellStreams } from '../client/remote-shell.ts';
import { realClock } from '../io/clock.ts';
import { realDisk } from '../io/disk.ts';
import { realRandom } from '../io/random.ts';
import { realSpawn } from '../io/spawn.ts';
import { realTree } from '../io/tree.ts';
import { shellCall } from './shell.ts';

const op = 'cp';
/** A node cannot make us another's files, or programs that run as another. */
const unpackOptions = ['--no-same-owner', '--no-same-permissions'];
const changed = /file changed as we read it/;

interface Place {
  node: string | undefined;
  path: string;
}

/** `NODE:PATH`, or a path of this machine; one with a colon is written `./a:b`. */
export function placeOf(text: string): Place {
  const remote = /^([a-z0-9][-a-z0-9.]*):(.+)$/s.exec(text);
  return remote ? { node: remote[1], path: remote[2] ?? '' } : { node: undefined, path: text };
}

/** `skiff cp NODE:PATH LOCAL` and `skiff cp LOCAL NODE:PATH`, files and folders. */
export async function copy(
  from: string,
  to: string,
  options: { kubeconfig: string },
): Promise<void> {
  const [source, target] = [placeOf(from), placeOf(to)];
  if (source.node !== undefined && target.node === undefined)
    return await download(options.kubeconfig, { node: source.node, path: source.path }, to);
  if (target.node !== undefined && source.node === undefined)
    return await upload(options.kubeconfig, from, { node: target.node, path: target.path });
  throw new ConfigError('one of the two is NODE:PATH, and the other a path of this machine', {
    op,
  });
}

/** The last part of a path, which names what is copied. */
function nameOf(path: string): string {
  const name = posix.basename(posix.normalize(path));
  if (name === '' || name === '.' || name === '..' || name === '/')
    throw new ConfigError(`${path}: has no name to copy it by`, { op });
  return name;
}

async function download(
  kubeconfig: string,
  { node, path }: { node: string; path: string },
  local: string,
): Promise<void> {
  const name = nameOf(path);
  const there = await realTree.statTarget(op, local);
  if (!there && local.endsWith('/')) throw new ConfigError(`${local}: no such folder`, { op });
  const target = resolve(there?.kind === 'dir' ? join(local, name) : local);
  await refuseFolder(target);
  // Beside the target: what comes gets its name when it is whole, and nothing else does.
  const work = join(dirname(target), `.skiff-cp-${realRandom.uuid()}`);
  if (!(await realTree.makeDir(op, work, 0o700))) throw new IoError(`${work} is there`, { op });
  try {
    const folder = posix.dirname(posix.normalize(path));
    const command = ['tar', '-C', folder, '-cf', '-', '--', name];
    const call = await shellCall(kubeconfig, { node, command });
    const unpack = realSpawn.start(op, ['tar', '-C', work, ...unpackOptions, '-xf', '-'], {
      stdio: ['pipe', 'ignore', 'pipe'],
    });
    const unpacked = ended(unpack);
    const complaint = new Said();
    unpack.stderr?.pipe(complaint.stream);
    if (!unpack.stdin) throw new IoError('tar has no input', { op });
    unpack.stdin.on('error', () => undefined); // its status says why
    const said = new Said();
    const output = unpack.stdin;
    const code = await runShell(
      call,
      { input: Readable.from([]), output, errors: said.stream },
      { clock: realClock },
    ).finally(() => output.end());
    const own = await unpacked;
    if (code !== 0 && !(code === 1 && changed.test(said.text))) throw said.error(node, code);
    if (own !== 0) throw complaint.error('tar', own);
    process.stderr.write(said.text);
    await refuseFolder(target);
    await realTree.rename(op, join(work, name), target);
  } finally {
    await realDisk.remove(op, work);
  }
}

async function refuseFolder(target: string): Promise<void> {
  if ((await realDisk.stat(op, target))?.kind === 'dir')
    throw new ConfigError(`${target}: a folder of this name is there already`, { op });
}

/** As `download` does it here. $1 is the target, $2 the name of what comes. */
const unpackThere = `set -e
if [ -d "$1" ]; then d=$1 n=$2; else d=$(dirname -- "$1") n=$(basename -- "$1"); fi
if [ -d "$d/$n" ]; then echo "$d/$n: a folder of this name is there already" >&2; exit 1; fi
w=$(mktemp -d "$d/.skiff-cp-XXXXXX")
trap 'rm -rf -- "$w"' EXIT
trap 'exit 1' HUP TERM
tar -C "$w" ${unpackOptions.join(' ')} -xf -
mv -f -- "$w/$2" "$d/$n"`;

async function upload(
  kubeconfig: string,
  local: string,
  { node, path }: { node: string; path: string },
): Promise<void> {
  const source = resolve(local);
  if (!(await realDisk.stat(op, source))) throw new ConfigError(`${local}: no such file`, { op });
  const name = nameOf(source);
  const call = await shellCall(kubeconfig, {
    node,
    command: ['sh', '-c', unpackThere, 'skiff-cp', path, name],
  });
  const pack = realSpawn.start(op, ['tar', '-C', dirname(source), '-cf', '-', '--', name], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const packed = ended(pack);
  if (!pack.stdout) throw new IoError('tar has no output', { op });
  // Node throws away what nobody has taken yet when a program ends.
  const input = pack.stdout.pipe(new PassThrough());
  const said = new Said();
  const streams: ShellStreams = { input, output: said.stream, errors: said.stream };
  const code = await runShell(call, streams, { clock: realClock }).finally(() =>
    pack.stdout?.destroy(),
  );
  if (code !== 0) throw said.error(node, code);
  const own = await packed;
  if (own !== 0) throw new IoError(`tar: status ${own}`, { op });
}

const ended = (child: ReturnType<typeof realSpawn.start>): Promise<number> =>
  new Promise((done, fail) => {
    child.once('error', (cause) =>
      fail(new IoError(`cannot run tar: ${cause.message}`, { op, cause })),
    );
    child.once('close', (code) => done(code ?? -1));
  });

/** What a program there said, as far as anybody wants to read it. */
class Said {
  text = '';
  readonly stream = new PassThrough();

  constructor() {
    this.stream.on('data', (chunk: Buffer) => {
      if (this.text.length < 4096) this.text += chunk.toString();
    });
  }

  error(who: string, code: number): IoError {
    return new IoError(`${who}: ${this.text.trim() || `status ${code}`}`, { op });
  }
}
