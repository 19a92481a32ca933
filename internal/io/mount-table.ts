/** One line of /proc/self/mountinfo (proc_pid_mountinfo(5)). */
export interface MountLine {
  /** Numbers of the device: `8:1`. */
  device: string;
  /** The folder of the file system that is mounted. */
  root: string;
  point: string;
  /** What its file system says of itself: `rw`, `errors=remount-ro`. */
  superOptions: string[];
}

/** All mounts, in the order of the table. */
export function mountLines(mountinfo: string): MountLine[] {
  return mountinfo.split('\n').flatMap((line) => {
    const words = line.split(' ');
    const [, , device, root, point] = words;
    if (device === undefined || root === undefined || point === undefined) return [];
    const superOptions = (words[words.indexOf('-') + 3] ?? '').split(',');
    return [{ device, root: unescaped(root), point: unescaped(point), superOptions }];
  });
}

/** mountinfo writes space, tab, newline and backslash as octal. */
function unescaped(field: string): string {
  return field.replace(/\\([0-7]{3})/g, (_, octal: string) =>
    String.fromCharCode(Number.parseInt(octal, 8)),
  );
}

/**
 * Whether the file system of a device (`st_dev`) has met an error and takes no writes since. ext4
 * is then not read-only for access(2) and open(2) on kernels of 6.15 and newer: they succeed, and
 * each write fails.
 */
export function hasBroken(mountinfo: string, dev: number): boolean {
  // As makedev(3) of glibc puts them together.
  const major = Math.floor(dev / 0x100) % 0x1000;
  const minor = (dev % 0x100) + Math.floor(dev / 0x100000) * 0x100;
  const device = `${major}:${minor}`;
  return mountLines(mountinfo).some(
    (line) => line.device === device && line.superOptions.includes('emergency_ro'),
  );
}
