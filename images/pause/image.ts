import { imageArchive } from '../archive.ts';
import { pauseProgram } from './program.ts';

/** The reference that containerd is told to use for sandboxes. */
const pauseImage = 'registry.k8s.io/pause:3.10.2';

/** The image archive for `arch` (Node's name of it). */
export function build(arch: string): Uint8Array {
  return imageArchive({
    name: pauseImage,
    arch,
    layers: [[{ path: 'pause', mode: 0o755, data: pauseProgram(arch) }]],
    config: { entrypoint: ['/pause'], user: '65535:65535' },
  });
}
