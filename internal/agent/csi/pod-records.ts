import { IoError } from '../../base/errors.ts';
import type { VolumeDoors } from '../volumes/pod-volume.ts';
import { parseVolumeData, podVolumesDir, type Places, type VolumeData } from './places.ts';

const op = 'csi.records';
const file = 'vol_data.json';

/** What pods have of drivers' volumes, as it stands on the disk. */
export class PodRecords {
  readonly #kubeletDir: string;
  readonly #doors: VolumeDoors;

  constructor(kubeletDir: string, doors: VolumeDoors) {
    this.#kubeletDir = kubeletDir;
    this.#doors = doors;
  }

  /** The pods that have a folder here. */
  uids(): Promise<string[]> {
    return this.#doors.disk.list(op, `${this.#kubeletDir}/pods`);
  }

  volumesOf(uid: string): Promise<string[]> {
    return this.#doors.disk.list(op, podVolumesDir(this.#kubeletDir, uid));
  }

  async read(uid: string, volume: string): Promise<VolumeData | undefined> {
    const path = `${this.#dir(uid, volume)}/${file}`;
    const data = parseVolumeData(await this.#doors.disk.readIfThere(op, path));
    return data?.specVolID === volume ? data : undefined;
  }

  async all(): Promise<{ uid: string; data: VolumeData }[]> {
    const found: { uid: string; data: VolumeData }[] = [];
    for (const uid of await this.uids())
      for (const name of await this.volumesOf(uid)) {
        const data = await this.read(uid, name);
        if (data) found.push({ uid, data });
      }
    return found;
  }

  async isUsedByOthers(uid: string, own: VolumeData): Promise<boolean> {
    const { driverName, volumeHandle, specVolID } = own;
    return (await this.all()).some(
      (one) =>
        (one.uid !== uid || one.data.specVolID !== specVolID) &&
        one.data.driverName === driverName &&
        one.data.volumeHandle === volumeHandle,
    );
  }

  async write(uid: string, data: VolumeData): Promise<void> {
    const dir = this.#dir(uid, data.specVolID);
    await this.#doors.disk.makeDir(op, dir);
    await this.#doors.disk.writeAtomic(op, `${dir}/${file}`, JSON.stringify(data));
  }

  /** Beside the staged volume, where the kubelet has it. */
  async writeStaged({ staging }: Places, data: object): Promise<void> {
    await this.#doors.disk.writeAtomic(op, `${above(staging)}/${file}`, JSON.stringify(data));
  }

  async removeStaged({ staging }: Places, block: boolean): Promise<void> {
    await this.removePlace(staging);
    if (block) return;
    await this.#doors.disk.remove(op, `${above(staging)}/${file}`);
    await this.#doors.tree.removeDir(op, above(staging));
  }

  async remove(uid: string, volume: string): Promise<void> {
    const dir = this.#dir(uid, volume);
    await this.#doors.disk.remove(op, `${dir}/${file}`);
    await this.removePlace(dir);
  }

  /** A folder that says nothing of a driver: nothing is mounted in it, or it is taken down here. */
  async discard(uid: string, volume: string): Promise<void> {
    const { mounts } = this.#doors;
    const dir = this.#dir(uid, volume);
    for (const point of await mounts.below(op, dir)) await mounts.unmount(op, point);
    await this.removePlace(`${dir}/mount`);
    await this.remove(uid, volume);
  }

  /** The folders of a pod that has no volume here any more. */
  async removePod(uid: string): Promise<void> {
    const dir = podVolumesDir(this.#kubeletDir, uid);
    for (const path of [dir, above(dir), above(above(dir))])
      await this.#doors.tree.removeDir(op, path);
  }

  /**
   * An empty folder, or the file that a device was shown at. What is still mounted, and what
   * somebody left in it, stays: it may be the volume's.
   */
  async removePlace(path: string): Promise<void> {
    const { disk, tree, mounts } = this.#doors;
    if ((await mounts.below(op, path)).length > 0)
      throw new IoError(`${path} is still mounted`, { op, code: 'EBUSY' });
    const stat = await disk.stat(op, path);
    if (!stat) return;
    if (stat.kind !== 'dir') await disk.remove(op, path);
    else if (!(await tree.removeDir(op, path)))
      throw new IoError(`${path} is not empty`, { op, code: 'ENOTEMPTY' });
  }

  #dir(uid: string, volume: string): string {
    return `${podVolumesDir(this.#kubeletDir, uid)}/${volume}`;
  }
}

const above = (path: string): string => path.slice(0, path.lastIndexOf('/'));
