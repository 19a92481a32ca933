import {
  closeSync,
  constants,
  fstatSync,
  ftruncateSync,
  openSync,
  readFileSync,
  readlinkSync,
  readSync,
  rmSync,
  unlinkSync,
  writeSync,
} from 'node:fs';

/**
 * Where nobody else looks after the log it is cut at this size; what was there is kept beside it
 * once, as `<file>.1`.
 */
const logBounds = { bytes: 8 << 20, checkEvery: 1 << 20 };

const passOver = (): void => undefined;

/**
 * Standard error, whatever becomes of it. A file whose disk is full, or a pipe that nobody reads
 * any more, costs lines: as a stream it would end the process with the first one, and say nothing
 * more when there is room again.
 */
export function standardError(): (line: string) => void {
  process.stderr.off('error', passOver).on('error', passOver);
  if (!fstatSync(2).isFile()) return (line) => void process.stderr.write(line);
  return (line) => {
    try {
      writeSync(2, line);
    } catch {
      // Where would one say it?
    }
  };
}

/**
 * Writes lines to a descriptor, standard error by default. Does that lead to a file that is only
 * appended to, as it does where neither systemd nor another keeper of logs runs, then the file is
 * kept small: here, because nobody else would.
 */
export function boundedWriter(
  write: (line: string) => void,
  fd = 2,
  bounds = logBounds,
): (line: string) => void {
  let since = bounds.checkEvery;
  return (line) => {
    since += line.length;
    if (since >= bounds.checkEvery) {
      since = 0;
      try {
        rotate(fd, bounds.bytes);
      } catch {
        // A log that cannot be cut is still a log.
      }
    }
    write(line);
  };
}

function rotate(fd: number, bytes: number): void {
  const stat = fstatSync(fd);
  if (!stat.isFile() || stat.size < bytes || !appends(fd)) return;
  const path = readlinkSync(`/proc/self/fd/${fd}`);
  try {
    copy(path, `${path}.1`);
  } catch (error) {
    // No room to keep it: then the file itself is what has to go, and half of a copy helps nobody.
    rmSync(`${path}.1`, { force: true });
    if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
  }
  ftruncateSync(fd, 0);
}

/** Another writer's place in the file would make a hole of what is cut off. */
function appends(fd: number): boolean {
  const flags =
    /^flags:\s*([0-7]+)/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8'))?.[1] ?? '0';
  return (parseInt(flags, 8) & constants.O_APPEND) !== 0;
}

function copy(from: string, to: string): void {
  try {
    unlinkSync(to);
  } catch {
    // There was none.
  }
  const [source, target] = [
    openSync(from, constants.O_RDONLY),
    openSync(
      to,
      constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW,
      0o600,
    ),
  ];
  try {
    const part = Buffer.alloc(1 << 20);
    for (let length = readSync(source, part); length > 0; length = readSync(source, part)) {
      for (let at = 0; at < length;) at += writeSync(target, part, at, length - at);
    }
  } finally {
    closeSync(source);
    closeSync(target);
  }
}
