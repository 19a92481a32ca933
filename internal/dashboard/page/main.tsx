import { render, type JSX } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { ApiFailure, credentials, json } from './api.ts';
import { Login } from './login.tsx';
import { menu, namespaces } from './kinds.ts';
import { ListView } from './list-view.tsx';
import { NodesView } from './nodes.tsx';
import type { KubeObject, ListOf } from './objects.ts';
import { Foreign, Notice } from './parts.tsx';
import { NoObject, ObjectView } from './object-view.tsx';
import { listPath, objectPlace, placeOf, readObjectPlace, readPlace, withQuery } from './paths.ts';
import { rightsIn, SessionContext, whoAmI, type Rights, type Session } from './session.ts';
import { applyTheme, ThemeSwitch } from './theme.tsx';
import { TlsSecretsView } from './tls-secrets.tsx';

interface View {
  place: string;
  title: string;
  /** What one has to be allowed to list for it. */
  needs: [group: string, resource: string];
  show: () => JSX.Element;
}

const tlsSecrets: View = {
  place: 'tls-secrets',
  title: 'TLS Secrets',
  needs: ['', 'secrets'],
  show: () => <TlsSecretsView />,
};

const groups: { title: string; views: View[] }[] = [
  {
    title: 'Cluster',
    views: [{ place: 'nodes', title: 'Nodes', needs: ['', 'nodes'], show: () => <NodesView /> }],
  },
  ...menu.map(({ title, kinds }) => ({
    title,
    views: [
      ...(title === 'Certificates' ? [tlsSecrets] : []),
      ...kinds.map(([name, kind]): View => ({
        place: kind.resource,
        title: name,
        needs: [kind.group, kind.resource],
        show: () => <ListView title={name} kind={kind} key={kind.resource} />,
      })),
    ],
  })),
];

function App(): JSX.Element {
  const [who, setWho] = useState<{ user: string; groups: string[] } | undefined>(undefined);
  const [why, setWhy] = useState<unknown>(undefined);
  const [asked, setAsked] = useState(false);
  const look = (): void => {
    whoAmI()
      .then(
        (found) => {
          setWho(found.user === 'system:anonymous' ? undefined : found);
          setWhy(undefined);
        },
        (error: unknown) => {
          setWho(undefined);
          // Nobody has said yet who they are: no fault.
          const stranger = error instanceof ApiFailure && [401, 403].includes(error.code);
          setWhy(stranger ? undefined : error);
        },
      )
      .finally(() => setAsked(true));
  };
  useEffect(look, []);
  if (!asked) return <p class="notice">Loading …</p>;
  if (!who) return <Login onDone={look} why={why} />;
  const leave = (): void => {
    credentials.keep(undefined);
    setWho(undefined);
    location.hash = '';
  };
  return <Inside who={who} onLeave={leave} />;
}

function Inside({
  who,
  onLeave,
}: {
  who: { user: string; groups: string[] };
  onLeave: () => void;
}): JSX.Element {
  const [place, setPlace] = useState(() => readPlace(location.hash));
  const [namespace, setNamespace] = useState<string | undefined>(
    sessionStorage.getItem('skiff.namespace') ?? undefined,
  );
  const [rights, setRights] = useState<Rights | undefined>(undefined);
  useEffect(() => {
    const move = (): void => {
      setPlace(readPlace(location.hash));
      document.getElementById('content')?.focus();
    };
    addEventListener('hashchange', move);
    return () => removeEventListener('hashchange', move);
  }, []);
  useEffect(() => {
    let late = false;
    rightsIn(namespace ?? 'default').then(
      (found) => !late && setRights(found),
      // Not told: everything is offered, and refused by the server where it must be.
      () => !late && setRights({ may: () => true }),
    );
    return () => {
      late = true;
    };
  }, [namespace]);
  const choose = (chosen: string | undefined): void => {
    if (chosen === undefined) sessionStorage.removeItem('skiff.namespace');
    else sessionStorage.setItem('skiff.namespace', chosen);
    setNamespace(chosen);
  };
  if (!rights) return <p class="notice">Loading …</p>;
  const offered = groups
    .map(({ title, views }) => ({
      title,
      views: views.filter(({ needs: [group, resource] }) => rights.may('list', group, resource)),
    }))
    .filter(({ views }) => views.length > 0);
  const session: Session = { ...who, namespace, rights };
  return (
    <SessionContext.Provider value={session}>
      <a class="skip" href="#content" onClick={skip}>
        Skip to the content
      </a>
      <header>
        <strong>skiff</strong>
        <NamespaceChoice chosen={namespace} onChoose={choose} />
        <ThemeSwitch />
        <span class="who wide">
          <Foreign text={who.user} />
        </span>
        <button type="button" onClick={onLeave}>
          Log out
        </button>
      </header>
      <nav aria-label="Views">
        {offered.map(({ title, views }) => (
          <section key={title}>
            <h2>{title}</h2>
            <ul>
              {views.map((view) => (
                <li key={view.place}>
                  <a
                    href={placeOf([view.place])}
                    aria-current={place.parts[0] === view.place ? 'page' : undefined}
                  >
                    {view.title}
                  </a>
                </li>
              ))}
            </ul>
          </section>
        ))}
      </nav>
      <main id="content" tabIndex={-1}>
        <Content {...place} first={offered[0]?.views[0]} />
      </main>
    </SessionContext.Provider>
  );
}

function skip(event: Event): void {
  event.preventDefault();
  document.getElementById('content')?.focus();
}

function Content({
  parts,
  query,
  first,
}: {
  parts: string[];
  query: URLSearchParams;
  first: View | undefined;
}): JSX.Element {
  const [name] = parts;
  if (name === 'object') {
    const at = readObjectPlace(parts);
    return at ? <ObjectView at={at} tab={query.get('tab')} key={objectPlace(at)} /> : <NoObject />;
  }
  const view =
    name === undefined
      ? first
      : groups.flatMap(({ views }) => views).find(({ place }) => place === name);
  if (view) return view.show();
  return name === undefined ? (
    <Notice>
      You are logged in, and may see nothing in this namespace. Choose another above, or ask for
      rights: <code>kubectl create rolebinding</code>.
    </Notice>
  ) : (
    <Notice bad>There is no such view.</Notice>
  );
}

/** A choice where all can be listed, else a name to type. */
function NamespaceChoice({
  chosen,
  onChoose,
}: {
  chosen: string | undefined;
  onChoose: (namespace: string | undefined) => void;
}): JSX.Element {
  const [names, setNames] = useState<string[] | undefined>([]);
  const look = (): void => {
    json<ListOf<KubeObject>>(withQuery(listPath(namespaces), { limit: 1000 })).then(
      ({ items }) => setNames(items.map(({ metadata }) => metadata.name)),
      () => setNames(undefined),
    );
  };
  useEffect(look, []);
  const all = [...new Set([...(names ?? []), ...(chosen === undefined ? [] : [chosen])])];
  return (
    <label>
      Namespace{' '}
      {names === undefined ? (
        <input
          value={chosen ?? ''}
          placeholder="all"
          size={14}
          onChange={(event) => onChoose(event.currentTarget.value.trim() || undefined)}
        />
      ) : (
        <select
          value={chosen ?? ''}
          onFocus={look}
          onChange={(event) => onChoose(event.currentTarget.value || undefined)}
        >
          <option value="">all</option>
          {all.map((name) => (
            <option key={name}>{name}</option>
          ))}
        </select>
      )}
    </label>
  );
}

applyTheme();
render(<App />, document.getElementById('page')!);
