import type { JSX } from 'preact';
import { useMemo } from 'preact/hooks';
import { json } from './api.ts';
import { nodes } from './kinds.ts';
import { ListState } from './list-view.tsx';
import type { ListOf, NodeObject } from './objects.ts';
import { Foreign } from './parts.tsx';
import { objectPlace } from './paths.ts';
import { DataTable, type Column } from './table.tsx';
import { ago, mebibytes, quantity } from './text.ts';
import { useListing, useNow, usePolled } from './use.ts';

interface Usage {
  metadata: { name: string };
  usage?: { cpu?: string; memory?: string };
}

/** Conditions of a node that should be True; all others are trouble when they are. */
const wanted = new Set(['Ready']);

/** What is wrong with a node, in a word each; nothing for a healthy one. */
function troublesOf({ spec, status }: NodeObject): string[] {
  const conditions = status?.conditions ?? [];
  const wrong = conditions
    .filter(({ type, status: is }) => (wanted.has(type) ? is !== 'True' : is === 'True'))
    .map(({ type, status: is }) =>
      wanted.has(type) ? `Not${type}${is === 'Unknown' ? '?' : ''}` : type,
    );
  if (!conditions.some(({ type }) => type === 'Ready')) wrong.unshift('NotReady?');
  return spec?.unschedulable ? [...wrong, 'Cordoned'] : wrong;
}

export function NodesView(): JSX.Element {
  const listing = useListing(nodes, undefined, 'objects');
  const now = useNow();
  const usage = usePolled(
    (signal) => json<ListOf<Usage>>('/apis/metrics.k8s.io/v1beta1/nodes', { signal }),
    15_000,
  );
  const columns = useMemo(() => columnsOf(usage?.items ?? [], now), [usage, now]);
  return (
    <>
      <h1>Nodes</h1>
      <ListState listing={listing} what="nodes" />
      {listing && !listing.refused && (
        <DataTable
          caption="Nodes"
          columns={columns}
          rows={[...listing.rows.values()].map(({ object }) => object as NodeObject)}
          keyOf={({ metadata }) => metadata.name}
          textOf={(node) => `${node.metadata.name} ${troublesOf(node).join(' ')}`}
        />
      )}
    </>
  );
}

function columnsOf(usages: Usage[], now: number): Column<NodeObject>[] {
  const used = new Map(usages.map(({ metadata, usage }) => [metadata.name, usage]));
  const share = (node: NodeObject, resource: 'cpu' | 'memory'): number =>
    quantity(used.get(node.metadata.name)?.[resource]) /
    quantity(node.status?.capacity?.[resource]);
  const usageColumn = (title: string, resource: 'cpu' | 'memory'): Column<NodeObject> => ({
    title,
    value: (node) => share(node, resource) || 0,
    cell: (node) => (
      <Share
        of={share(node, resource)}
        what={`${title} of ${node.metadata.name}`}
        text={amount(resource, used.get(node.metadata.name)?.[resource])}
      />
    ),
  });
  return [
    {
      title: 'Name',
      value: ({ metadata }) => metadata.name,
      cell: ({ metadata }) => (
        <a href={objectPlace({ ...nodes, name: metadata.name })}>
          <Foreign text={metadata.name} />
        </a>
      ),
    },
    {
      title: 'Health',
      value: (node) => -troublesOf(node).length,
      cell: (node) => <Health troubles={troublesOf(node)} />,
    },
    usageColumn('CPU', 'cpu'),
    usageColumn('Memory', 'memory'),
    {
      title: 'Version',
      wide: true,
      value: ({ status }) => status?.nodeInfo?.kubeletVersion ?? '',
      cell: ({ status }) => <Foreign text={status?.nodeInfo?.kubeletVersion ?? ''} />,
    },
    {
      title: 'Address',
      wide: true,
      value: (node) => addressOf(node),
      cell: (node) => <Foreign text={addressOf(node)} />,
    },
    {
      title: 'Age',
      wide: true,
      value: ({ metadata }) => -Date.parse(metadata.creationTimestamp ?? '') || 0,
      cell: ({ metadata }) => ago(metadata.creationTimestamp, now),
    },
  ];
}

const addressOf = ({ status }: NodeObject): string =>
  status?.addresses?.find(({ type }) => type === 'InternalIP')?.address ?? '';

function amount(resource: 'cpu' | 'memory', text: string | undefined): string {
  const number = quantity(text);
  if (Number.isNaN(number)) return '';
  return resource === 'cpu' ? `${number.toFixed(2)} cores` : mebibytes(number);
}

function Health({ troubles }: { troubles: string[] }): JSX.Element {
  if (troubles.length === 0) return <span class="good">Ready</span>;
  return (
    <span class="bad">
      <Foreign text={troubles.join(', ')} />
    </span>
  );
}

function Share({ of, what, text }: { of: number; what: string; text: string }): JSX.Element {
  if (Number.isNaN(of)) return <span class="faint">no numbers</span>;
  return (
    <span class="share">
      <meter min={0} max={1} high={0.85} value={of} aria-label={what} /> {Math.round(of * 100)} %
      <span class="wide faint"> {text}</span>
    </span>
  );
}
