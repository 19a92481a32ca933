import { createHash } from 'node:crypto';
import type { CSIDriverSpec } from '../generated/types/storage-v1.ts';

/** The VolumeAttachment of a volume on a node; node and controller must come to the same. */
export const attachmentName = (handle: string, driver: string, node: string): string =>
  `csi-${sha256(`${handle}${driver}${node}`)}`;

/** How the status of a Node speaks of a volume. */
export const uniqueVolumeName = (driver: string, handle: string): string =>
  `kubernetes.io/csi/${driver}^${handle}`;

/** A driver that says nothing of it (it has no CSIDriver object) has its volumes attached. */
export const needsAttach = (driver: CSIDriverSpec | undefined): boolean =>
  driver?.attachRequired ?? true;

/** In hexadecimal digits. */
export const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');
