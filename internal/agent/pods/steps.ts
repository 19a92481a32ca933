import type { Container, Pod } from '../../api/generated/types/core-v1.ts';
import type { Kill } from './action-types.ts';
import type { RuntimeContainer, RuntimeSandbox } from './model.ts';
import type { ResizeEvent, ResizeState, ResizeWork } from './resize.ts';
import type { Verdict } from './state.ts';

/**
 * One thing to do for a pod. Steps are performed in the order of the plan; one that fails ends the
 * pass, and the next plan is made from what is there then.
 */
export type Step =
  /** The pod should end: its containers have, its time is over, or the node has decided so. */
  | { do: 'end'; verdict?: Verdict }
  /** What a wish for other resources came to. */
  | { do: 'grant'; resize: ResizeState; event?: ResizeEvent }
  /**
   * Makes the status and hands it on if it differs. `allEnded`: nothing will be started any more.
   */
  | { do: 'tell'; allEnded: boolean }
  /** Takes up volumes and control group of a pod that an earlier life of the agent started. */
  | { do: 'adopt' }
  /** Changes the resources of running containers, with room for both in the pod's group. */
  | { do: 'resize'; work: ResizeWork; allocated: Pod }
  /** All that was granted is in force. */
  | { do: 'resized' }
  /** Ends all containers, then the sandboxes. */
  | { do: 'stopPod'; why: 'end' | 'sandbox'; graceSeconds: number | undefined; replaced: boolean }
  /** Gives back the networks of sandboxes that hold nothing any more. */
  | { do: 'stopSandboxes' }
  | { do: 'kill'; kills: Kill[] }
  /** The pod waits for what the node cannot do (yet); an event says so where there is a reason. */
  | { do: 'refuse'; reason: string | undefined; message: string }
  /** The pod's control group and volumes are set up. */
  | { do: 'prepare' }
  | { do: 'createSandbox'; attempt: number }
  /** The node's network has the rules for the pod's addresses. */
  | { do: 'holdNetwork' }
  /** A container that failed lately waits this long before it is started. */
  | { do: 'wait'; container: Container; waitMs: number }
  | { do: 'start'; container: Container }
  /** Removes what nobody can ask for any more. */
  | { do: 'prune'; containers: RuntimeContainer[]; sandboxes: RuntimeSandbox[] }
  /** Nothing runs: probes, images, volumes and control group are given back. */
  | { do: 'tearDown'; runtimeToo: boolean }
  | { do: 'deleteObject' }
  /** The last traces go, and the pod is forgotten. */
  | { do: 'forget' };
