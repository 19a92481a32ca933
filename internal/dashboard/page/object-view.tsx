import type { ComponentChildren, JSX } from 'preact';
import { useContext, useEffect, useState } from 'preact/hooks';
import { cordon, drain, remove, restart, scale } from './actions.ts';
import { json } from './api.ts';
import { events, idOf, restartable, scalable } from './kinds.ts';
import { KindTable, ListState } from './list-view.tsx';
import { Logs } from './logs.tsx';
import type { KubeObject, NodeObject, PodObject } from './objects.ts';
import { Dialog, Failure, Foreign, Notice, useAction } from './parts.tsx';
import { objectPath, objectPlace, placeOf, type Ref } from './paths.ts';
import { SessionContext } from './session.ts';
import { useListing } from './use.ts';
import { YamlView } from './yaml-view.tsx';

/** One object: what can be done with it, its log, its events and its YAML. */
export function ObjectView({ at, tab }: { at: Ref; tab: string | null }): JSX.Element {
  const [object, setObject] = useState<KubeObject | undefined>(undefined);
  const [error, setError] = useState<unknown>(undefined);
  const look = (): void => {
    json<KubeObject>(objectPath(at)).then(
      (found) => {
        setObject(found);
        setError(undefined);
      },
      (failure: unknown) => setError(failure),
    );
  };
  const id = idOf(at);
  useEffect(look, [objectPath(at)]);
  const { rights } = useContext(SessionContext);
  const tabs = [
    ...(id === 'pods' && rights.may('get', '', 'pods/log') ? ['Log'] : []),
    'YAML',
    ...(rights.may('list', '', 'events') ? ['Events'] : []),
  ];
  const open = tabs.find((name) => name === tab) ?? tabs[0]!;
  return (
    <>
      <p>
        <a href={placeOf([at.resource])}>All of this kind</a>
      </p>
      <h1>
        {at.kind} <Foreign text={at.name} />
      </h1>
      {error !== undefined && <Failure error={error} />}
      {object && <Actions at={at} object={object} onDone={look} />}
      <nav class="tabs" aria-label="Of this object">
        {tabs.map((name) => (
          <a
            key={name}
            href={objectPlace(at, name)}
            aria-current={open === name ? 'page' : undefined}
          >
            {name}
          </a>
        ))}
      </nav>
      {object && open === 'Log' && <Logs pod={object as PodObject} at={at} />}
      {object && open === 'YAML' && (
        <YamlView
          at={at}
          object={object}
          mayEdit={rights.may('update', at.group, at.resource)}
          onDone={look}
        />
      )}
      {open === 'Events' && <EventsOf at={at} />}
    </>
  );
}

function EventsOf({ at }: { at: Ref }): JSX.Element {
  const listing = useListing(events, at.namespace ?? 'default', 'table', {
    fieldSelector: `involvedObject.kind=${at.kind},involvedObject.name=${at.name}`,
  });
  return (
    <>
      <ListState listing={listing} what="events" />
      {listing && !listing.refused && <KindTable title="Events" kind={events} listing={listing} />}
    </>
  );
}

function Actions({
  at,
  object,
  onDone,
}: {
  at: Ref;
  object: KubeObject;
  onDone: () => void;
}): JSX.Element {
  const { rights } = useContext(SessionContext);
  const { busy, said, run } = useAction();
  const [asks, setAsks] = useState<'delete' | 'drain' | undefined>(undefined);
  const id = idOf(at);
  const may = (verb: string, sub = ''): boolean =>
    rights.may(verb, at.group, `${at.resource}${sub}`);
  const act = (what: string, action: () => Promise<unknown>): void => {
    setAsks(undefined);
    // Also what failed may have done half of it.
    run(what, () => action().finally(onDone));
  };
  const button = (what: string, action: () => void, kind = ''): JSX.Element => (
    <button type="button" class={kind} disabled={busy} onClick={action}>
      {what}
    </button>
  );
  const replicas = (object as { spec?: { replicas?: number } }).spec?.replicas ?? 1;
  const cordoned = (object as NodeObject).spec?.unschedulable === true;
  return (
    <>
      <p class="tools">
        {scalable.has(id) && may('patch', '/scale') && (
          <Scale
            key={replicas}
            now={replicas}
            busy={busy}
            onScale={(wanted) => act(`Scale to ${wanted}`, () => scale(at, wanted))}
          />
        )}
        {restartable.has(id) &&
          may('patch') &&
          button('Restart', () => act('Restart', () => restart(at, Date.now())))}
        {id === 'nodes' && may('patch') && (
          <>
            {cordoned
              ? button('Uncordon', () => act('Uncordon', () => cordon(at, false)))
              : button('Cordon', () => act('Cordon', () => cordon(at, true)))}
            {rights.may('create', '', 'pods/eviction') &&
              button('Drain …', () => setAsks('drain'), 'danger')}
          </>
        )}
        {may('delete') && button('Delete …', () => setAsks('delete'), 'danger')}
      </p>
      {said}
      {asks === 'delete' && (
        <Question title={`Delete ${at.kind}?`} onClose={() => setAsks(undefined)}>
          <p>
            <Foreign text={at.name} /> goes, with what belongs to it.
          </p>
          {button('Delete', () => act('Delete', () => remove(at)), 'danger')}
        </Question>
      )}
      {asks === 'drain' && (
        <Question title="Drain this node?" onClose={() => setAsks(undefined)}>
          <p>
            Nothing new is put on it, and its pods are evicted: data in their emptyDir volumes is
            lost. Pods of DaemonSets stay, and those that nothing makes again.
          </p>
          {button('Drain', () => act('Drain', () => drainAndTell(at)), 'danger')}
        </Question>
      )}
    </>
  );
}

/** What was refused or left is told as what went wrong: the node is not empty. */
async function drainAndTell(at: Ref): Promise<void> {
  const { evicted, refused, lone } = await drain(at);
  if (refused.length === 0 && lone.length === 0) return;
  throw new NotEmpty(
    [
      `${evicted.length} evicted`,
      ...refused.map((one) => `refused: ${one}`),
      ...lone.map((one) => `left alone, for nothing makes it again: ${one}`),
    ].join('; '),
  );
}

class NotEmpty extends Error {
  override name = 'NotEmpty';
}

function Question(props: {
  title: string;
  onClose: () => void;
  children: ComponentChildren;
}): JSX.Element {
  return (
    <Dialog title={props.title} onClose={props.onClose}>
      {props.children}{' '}
      <button type="button" onClick={props.onClose}>
        Leave it
      </button>
    </Dialog>
  );
}

function Scale({
  now,
  busy,
  onScale,
}: {
  now: number;
  busy: boolean;
  onScale: (replicas: number) => void;
}): JSX.Element {
  const [replicas, set] = useState(now);
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        onScale(replicas);
      }}
    >
      <label>
        Replicas{' '}
        <input
          type="number"
          min={0}
          max={10000}
          value={replicas}
          onInput={(event) => set(Number(event.currentTarget.value))}
        />
      </label>{' '}
      <button type="submit" disabled={busy || !Number.isInteger(replicas) || replicas === now}>
        Scale
      </button>
    </form>
  );
}

export const NoObject = (): JSX.Element => <Notice bad>There is no such object.</Notice>;
