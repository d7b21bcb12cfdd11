import { Activity, Boxes, FlaskConical, MessageSquare, Network, Settings } from 'lucide-react';
import { observer } from 'mobx-react-lite';
import { lazy, Suspense, type ComponentType, type ReactElement } from 'react';
import { Boundary } from './components/boundary.tsx';
import { Button } from './components/button.tsx';
import { Dot, EmptyState, type Tone } from './components/small.tsx';
import { Toasts } from './components/toasts.tsx';
import type { RootStore } from './stores/root-store.ts';
import { hashOf, viewNames, type ViewName } from './stores/ui-store.ts';
import { shell } from './strings/shell.ts';
import type { ViewProps } from './view-props.ts';

const views: Readonly<Record<ViewName, ComponentType<ViewProps>>> = {
  chat: lazy(() => import('./views/chat/index.tsx')),
  models: lazy(() => import('./views/models/index.tsx')),
  cluster: lazy(() => import('./views/cluster/index.tsx')),
  activity: lazy(() => import('./views/activity/index.tsx')),
  simulator: lazy(() => import('./views/simulator/index.tsx')),
  settings: lazy(() => import('./views/settings/index.tsx')),
};

const ChatPanel = views.chat;

const icons: Readonly<Record<ViewName, typeof Activity>> = {
  chat: MessageSquare,
  models: Boxes,
  cluster: Network,
  activity: Activity,
  simulator: FlaskConical,
  settings: Settings,
};

/** The frame: where one can go, what is shown, and what everyone must know. */
export const App = observer(function App({ root }: ViewProps): ReactElement {
  const { view } = root.ui.route;
  const View = views[view];
  if (root.ui.isPanel) {
    return (
      <main aria-label={shell.views.chat} className="panel h-full">
        <Boundary>
          <Suspense fallback={<EmptyState title={shell.loading} />}>
            <ChatPanel root={root} />
          </Suspense>
        </Boundary>
        <Dialogs root={root} />
        <Toasts store={root.toasts} />
      </main>
    );
  }
  if (!root.ui.welcomed && root.cluster.isKnown) {
    return (
      <>
        <div className="title-strip drag-region fixed inset-x-0 top-0" />
        <Boundary>
          <Suspense fallback={<EmptyState title={shell.loading} />}>
            <FirstRun root={root} />
          </Suspense>
        </Boundary>
        <Dialogs root={root} />
        <Toasts store={root.toasts} />
      </>
    );
  }
  return (
    <div className="flex h-full flex-col-reverse sm:flex-row">
      <Sidebar root={root} />
      <div className="flex min-h-0 min-w-0 flex-1 flex-col">
        <div className="title-strip above-view drag-region" />
        <Banner root={root} />
        <main aria-label={shell.views[view]} className="min-h-0 flex-1">
          <Boundary key={view}>
            <Suspense fallback={<EmptyState title={shell.loading} />}>
              <View root={root} />
            </Suspense>
          </Boundary>
        </main>
      </div>
      <Dialogs root={root} />
      <Toasts store={root.toasts} />
    </div>
  );
});

const FirstRun = lazy(() => import('./views/first-run/index.tsx'));
const CreateDialog = lazy(() => import('./views/create/create-dialog.tsx'));
const PairDialog = lazy(() => import('./views/cluster/pair-dialog.tsx'));

const Dialogs = observer(function Dialogs({ root }: ViewProps): ReactElement | null {
  const { dialog } = root.ui;
  if (dialog === undefined) return null;
  return (
    <Suspense fallback={null}>
      {dialog.type === 'Pair' ? (
        <PairDialog key={dialog.code} root={root} given={dialog.code} />
      ) : (
        <CreateDialog key={JSON.stringify(dialog)} root={root} about={dialog} />
      )}
    </Suspense>
  );
});

const Sidebar = observer(function Sidebar({ root }: ViewProps): ReactElement {
  const { view } = root.ui.route;
  return (
    <aside className="drag-region flex shrink-0 flex-row border-t border-line bg-sunken/60 sm:w-48 sm:flex-col sm:border-t-0 sm:border-r">
      <div className="beside-lights hidden h-12 items-center px-4 text-lg font-semibold sm:flex">
        {shell.name}
      </div>
      <nav
        aria-label={shell.navigation}
        className="flex flex-1 justify-around gap-0.5 p-1.5 sm:flex-none sm:flex-col sm:justify-start sm:px-2"
      >
        {viewNames.map((name) => {
          const Icon = icons[name];
          const isCurrent = name === view;
          return (
            <a
              key={name}
              href={hashOf({ view: name, detail: null })}
              aria-current={isCurrent ? 'page' : undefined}
              className={`flex min-w-0 flex-1 flex-col items-center gap-0.5 rounded-md px-1 py-1 text-xs sm:h-7 sm:flex-none sm:flex-row sm:gap-2 sm:px-2 sm:text-base ${
                isCurrent ? 'bg-accent/12 font-medium text-accent' : 'text-text hover:bg-text/6'
              }`}
            >
              <Icon size={16} aria-hidden className="shrink-0" />
              <span className="truncate">{shell.views[name]}</span>
            </a>
          );
        })}
      </nav>
      <ClusterStatus root={root} />
    </aside>
  );
});

const ClusterStatus = observer(function ClusterStatus({ root }: ViewProps): ReactElement {
  const [tone, text] = statusOf(root);
  return (
    <a
      href={hashOf({ view: 'cluster', detail: null })}
      className="mt-auto hidden items-center gap-2 border-t border-line px-4 py-2.5 text-sm text-muted hover:text-text sm:flex"
    >
      <Dot tone={tone} />
      <span className="truncate">{text}</span>
    </a>
  );
});

function statusOf({ connection, cluster }: RootStore): readonly [Tone, string] {
  if (connection.status.type === 'Lost' || connection.status.type === 'Outdated')
    return ['bad', shell.status.lost];
  const { telemetry } = cluster;
  if (telemetry === undefined || !cluster.isKnown) return ['plain', shell.status.connecting];
  const count = Object.keys(cluster.state.nodes).length;
  const away = telemetry.away.length;
  if (away > 0) return ['warn', `${shell.status.nodes(count)}, ${shell.status.away(away)}`];
  return ['ok', count === 1 ? shell.status.alone : shell.status.nodes(count)];
}

const Banner = observer(function Banner({ root }: ViewProps): ReactElement | null {
  const { status } = root.connection;
  const { telemetry } = root.cluster;
  if (status.type === 'Outdated') {
    return (
      <Notice>
        {shell.outdated(status.version)}
        <Button onClick={() => window.location.reload()}>{shell.reload}</Button>
      </Notice>
    );
  }
  if (status.type === 'Lost') return <Notice>{shell.lost}</Notice>;
  if (telemetry?.master === null) return <Notice>{shell.noMaster}</Notice>;
  return null;
});

function Notice({ children }: { readonly children: React.ReactNode }): ReactElement {
  return (
    <div
      role="alert"
      className="flex items-center justify-center gap-3 border-b border-line bg-warn/12 px-4 py-1.5 text-text"
    >
      {children}
    </div>
  );
}
