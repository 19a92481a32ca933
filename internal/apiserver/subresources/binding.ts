import { refs } from '../../api/generated/refs.ts';
import { registryKey } from '../../api/registry-key.ts';
import { zeroTime, timeOf } from '../../api/times.ts';
import { own } from '../../base/own.ts';
import type { Binding, Node, Pod, PodCondition } from '../../api/generated/types/core-v1.ts';
import { deepCopy, type KubeObject } from '../../api/object.ts';
import { badRequest, conflict, invalid } from '../../api/status.ts';
import { lookup } from '../admission/lookup.ts';
import { success, type Operations } from '../operations/operation.ts';
import type { Call } from '../registry/call.ts';
import type { Core } from '../registry/core.ts';
import { pathNotFound } from '../registry/no-route.ts';
import { updateObject } from '../registry/update.ts';

const bindingKind = { group: '', version: 'v1', kind: 'Binding' };

/** POST pods/x/binding and POST bindings: the scheduler's decision. */
export function addBinding(operations: Operations): void {
  operations.add(
    { group: '', resource: 'pods', subresource: 'binding' },
    async (core, call, input) => {
      const binding = await input.unstored<Binding>(bindingKind);
      if (binding.metadata.name && binding.metadata.name !== call.name)
        throw badRequest('name in URL does not match name in Binding object');
      await bind(core, call, binding);
      return success(201);
    },
  );
  operations.add(
    { group: '', resource: 'bindings', subresource: '' },
    async (core, call, input) => {
      const binding = await input.unstored<Binding>(bindingKind);
      const pods = core.resources.find('', 'v1', 'pods');
      if (!pods) throw pathNotFound();
      const { name = '' } = binding.metadata;
      await bind(core, { ...call, resource: pods, name, subresource: 'binding' }, binding);
      return success(201);
    },
  );
}

/** Gives a pod its node, once. */
async function bind(core: Core, call: Call, binding: Binding): Promise<void> {
  const node = binding.target?.name ?? '';
  if ((binding.target?.kind ?? '') !== '' && binding.target.kind !== 'Node') {
    throw invalid({ group: '', kind: 'Binding' }, call.name, [
      {
        type: 'FieldValueNotSupported',
        field: 'target.kind',
        value: binding.target.kind,
        detail: 'supported values: "Node", "<empty>"',
      },
    ]);
  }
  if (!node)
    throw invalid({ group: '', kind: 'Binding' }, call.name, [
      { type: 'FieldValueRequired', field: 'target.name', detail: '' },
    ]);
  await core.admission.admit({
    call,
    operation: 'CREATE',
    object: binding as KubeObject,
    old: undefined,
  });
  await core.admission.validate({
    call,
    operation: 'CREATE',
    object: binding as KubeObject,
    old: undefined,
  });
  const topology = topologyLabels(await lookup<Node>(core, registryKey(refs.nodes, '', node)));
  await updateObject(
    core,
    { ...call, subresource: 'binding' },
    {
      raw: true,
      make: (old) => {
        const pod = deepCopy(old) as Pod;
        const what = { group: '', resource: 'pods/binding' };
        if (binding.metadata.uid && binding.metadata.uid !== pod.metadata.uid)
          throw conflict(
            what,
            call.name,
            `Precondition failed: UID in precondition: ${binding.metadata.uid}, UID in ` +
              `object meta: ${pod.metadata.uid}`,
          );
        if (pod.metadata.deletionTimestamp)
          throw conflict(
            what,
            call.name,
            `pod ${call.name} is being deleted, cannot be assigned to a host`,
          );
        if (pod.spec.nodeName)
          throw conflict(
            what,
            call.name,
            `pod ${call.name} is already assigned to node ${JSON.stringify(pod.spec.nodeName)}`,
          );
        if (pod.spec.schedulingGates?.length)
          throw conflict(what, call.name, `pod ${call.name} has non-empty .spec.schedulingGates`);
        pod.spec.nodeName = node;
        pod.metadata.annotations = binding.metadata.annotations
          ? { ...pod.metadata.annotations, ...binding.metadata.annotations }
          : pod.metadata.annotations;
        if (Object.keys(topology).length)
          pod.metadata.labels = { ...topology, ...pod.metadata.labels };
        scheduled(pod, timeOf(core.clock.now()));
        // It was promised a node; now it has one (ClearingNominatedNodeNameAfterBinding).
        delete pod.status.nominatedNodeName;
        return pod as KubeObject;
      },
    },
  );
}

const copied = ['topology.kubernetes.io/zone', 'topology.kubernetes.io/region'];

/** Pods learn where their node stands (plugin PodTopologyLabels). */
function topologyLabels(node: Node | undefined): Record<string, string> {
  return Object.fromEntries(
    copied.flatMap((key) => {
      const value = own(node?.metadata.labels, key);
      return value === undefined ? [] : [[key, value]];
    }),
  );
}

function scheduled(pod: Pod, now: string): void {
  const status = (pod.status ??= {} as Pod['status'] & object);
  const conditions = status.conditions ?? [];
  const have = conditions.find((one) => one.type === 'PodScheduled');
  if (have?.status === 'True') return;
  const condition: PodCondition = {
    type: 'PodScheduled',
    ...(pod.metadata.generation ? { observedGeneration: pod.metadata.generation } : {}),
    status: 'True',
    lastProbeTime: zeroTime,
    lastTransitionTime: now,
  };
  status.conditions = have
    ? conditions.map((one) => (one === have ? condition : one))
    : [...conditions, condition];
}
